select
    'query' as part,
    job_id as query_id,
    unix_millis(start_time) as start_ms,
    unix_millis(end_time) as end_ms,
    right(query, 4096) as query_text,
    cache_hit as cache_hit,
    cast(null as float64) as credits,
    total_bytes_billed as bytes_billed,
    total_slot_ms as slot_ms,
    cast(null as float64) as usd
from `{region}`.INFORMATION_SCHEMA.JOBS_BY_PROJECT
where creation_time >= timestamp_millis(:from_ms - 86400000)
  and creation_time < timestamp_millis(:until_ms)
  and end_time >= timestamp_millis(:from_ms)
  and end_time < timestamp_millis(:until_ms)
  and parent_job_id is null
  and strpos(query, concat('Hex query ', 'metadata:')) > 0
order by end_ms, query_id
