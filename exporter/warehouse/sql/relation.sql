select
    part, query_id, start_ms, end_ms, {tail} as query_text, cache_hit, credits, bytes_billed, slot_ms, usd,
    null as equal_ms
from {relation}
where end_ms >= :from_ms
  and end_ms < :until_ms
  and (part <> 'query' or query_text like '%Hex query _etadata:%')
order by end_ms, query_id
