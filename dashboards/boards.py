"""All dashboards, in the order in which they are read."""

from dashboards.budget import BOARD as BUDGET
from dashboards.connections import BOARD as CONNECTIONS
from dashboards.cost import BOARD as COST
from dashboards.gateway import BOARD as GATEWAY
from dashboards.overview import BOARD as OVERVIEW
from dashboards.project import BOARD as PROJECT
from dashboards.runs import BOARD as RUNS
from dashboards.savings import BOARD as SAVINGS
from dashboards.schedules import BOARD as SCHEDULES
from dashboards.seats import BOARD as SEATS
from dashboards.trust import BOARD as TRUST
from dashboards.warehouse import BOARD as WAREHOUSE

BOARDS = (OVERVIEW, BUDGET, RUNS, COST, SEATS, SCHEDULES, CONNECTIONS, WAREHOUSE, GATEWAY, SAVINGS, PROJECT, TRUST)
