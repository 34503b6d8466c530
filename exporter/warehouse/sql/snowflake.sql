with tagged as (
    select query_id, warehouse_id, start_time, end_time, right(query_text, 4096) as query_text
    from snowflake.account_usage.query_history
    where end_time >= to_timestamp_ltz(:from_ms, 3)
      and end_time < to_timestamp_ltz(:until_ms, 3)
      and contains(query_text, concat('Hex query ', 'metadata:'))
),
attributed as (
    select query_id, sum(credits_attributed_compute + coalesce(credits_used_query_acceleration, 0)) as credits
    from snowflake.account_usage.query_attribution_history
    where end_time >= to_timestamp_ltz(:from_ms - 86400000, 3)
      and end_time < to_timestamp_ltz(:until_ms + 86400000, 3)
    group by query_id
),
billed as (
    select
        warehouse_id,
        start_time,
        credits_used_compute as credits,
        credits_used_compute - coalesce(credits_attributed_compute_queries, 0) as idle_credits
    from snowflake.account_usage.warehouse_metering_history
    where start_time >= to_timestamp_ltz(:from_ms, 3)
      and start_time < to_timestamp_ltz(:until_ms, 3)
      and warehouse_id in (select warehouse_id from tagged)
)
select
    'query' as part,
    tagged.query_id as query_id,
    date_part(epoch_millisecond, tagged.start_time) as start_ms,
    date_part(epoch_millisecond, tagged.end_time) as end_ms,
    tagged.query_text as query_text,
    cast(null as boolean) as cache_hit,
    attributed.credits as credits,
    cast(null as bigint) as bytes_billed,
    cast(null as bigint) as slot_ms,
    cast(null as double) as usd
from tagged
left join attributed on attributed.query_id = tagged.query_id
union all
select
    'bill', concat('bill-', cast(warehouse_id as varchar)), date_part(epoch_millisecond, start_time),
    date_part(epoch_millisecond, start_time), null, null, credits, null, null, null
from billed
union all
select
    'idle', concat('idle-', cast(warehouse_id as varchar)), date_part(epoch_millisecond, start_time),
    date_part(epoch_millisecond, start_time), null, null, idle_credits, null, null, null
from billed
order by end_ms, query_id
