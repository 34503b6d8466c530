"""What need not be spent: findings made from evidence, priced, ranked and never added up twice."""
