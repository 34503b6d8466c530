with tagged as (
    select
        job_id,
        unix_millis(start_time) as start_ms,
        unix_millis(end_time) as end_ms,
        right(query, 4096) as query_text,
        cache_hit,
        total_bytes_billed,
        total_slot_ms,
        md5(concat(user_email, ' ', regexp_replace(query, r'--[ \t]*Hex query [m]etadata:[^\n]*', ''))) as text_key
    from `{region}`.INFORMATION_SCHEMA.JOBS_BY_PROJECT
    where creation_time >= timestamp_millis(:from_ms - 108000000)
      and creation_time < timestamp_millis(:until_ms)
      and end_time >= timestamp_millis(:from_ms - 86400000)
      and end_time < timestamp_millis(:until_ms)
      and parent_job_id is null
      and strpos(query, concat('Hex query ', 'metadata:')) > 0
),
compared as (
    select
        job_id, start_ms, end_ms, query_text, cache_hit, total_bytes_billed, total_slot_ms, text_key,
        min(end_ms) over (
            partition by text_key order by end_ms range between 86400000 preceding and 1 preceding
        ) as equal_ms
    from tagged
)
select
    'query' as part,
    job_id as query_id,
    start_ms as start_ms,
    end_ms as end_ms,
    query_text as query_text,
    cache_hit as cache_hit,
    cast(null as float64) as credits,
    total_bytes_billed as bytes_billed,
    total_slot_ms as slot_ms,
    cast(null as float64) as usd,
    equal_ms as equal_ms
from compared
where end_ms >= :from_ms
order by end_ms, query_id
