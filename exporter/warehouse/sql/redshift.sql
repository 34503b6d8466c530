with finished as (
    select distinct query_id, start_time, end_time, result_cache_hit, query_text
    from sys_query_history
    where end_time >= timestamp 'epoch' + :from_ms / 1000 * interval '1 second'
      and end_time < timestamp 'epoch' + :until_ms / 1000 * interval '1 second'
),
numbered as (
    select
        pieces.query_id,
        pieces.sequence,
        pieces.text,
        row_number() over (partition by pieces.query_id order by pieces.sequence desc) as from_end
    from (
        select distinct query_id, sequence, text
        from sys_query_text
        where query_id in (select query_id from finished)
    ) as pieces
),
ends as (
    select query_id, listagg(text, '') within group (order by sequence) as query_text
    from numbered
    where from_end <= 21
    group by query_id
)
select
    'query' as part,
    cast(finished.query_id as varchar) as query_id,
    cast(extract(epoch from finished.start_time) * 1000 as bigint) as start_ms,
    cast(extract(epoch from finished.end_time) * 1000 as bigint) as end_ms,
    right(coalesce(ends.query_text, finished.query_text), 4096) as query_text,
    finished.result_cache_hit as cache_hit,
    cast(null as float) as credits,
    cast(null as bigint) as bytes_billed,
    cast(null as bigint) as slot_ms,
    cast(null as float) as usd,
    cast(null as bigint) as equal_ms
from finished
left join ends on ends.query_id = finished.query_id
where strpos(coalesce(ends.query_text, finished.query_text), 'Hex query ' || 'metadata:') > 0
order by end_ms, query_id
