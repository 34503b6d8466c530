with tagged as (
    select
        query_id,
        warehouse_id,
        date_part(epoch_millisecond, start_time) as start_ms,
        date_part(epoch_millisecond, end_time) as end_ms,
        right(query_text, 4096) as query_text
    from snowflake.account_usage.query_history
    where end_time >= to_timestamp_ltz(:from_ms, 3)
      and end_time < to_timestamp_ltz(:until_ms, 3)
      and contains(query_text, concat('Hex query ', 'metadata:'))
),
attributed_once as (
    select distinct
        query_id,
        start_time,
        end_time,
        credits_attributed_compute + coalesce(credits_used_query_acceleration, 0) as credits
    from snowflake.account_usage.query_attribution_history
    where end_time >= to_timestamp_ltz(:from_ms - 86400000, 3)
      and end_time < to_timestamp_ltz(:until_ms + 86400000, 3)
),
attributed as (
    select query_id, sum(credits) as credits
    from attributed_once
    group by query_id
),
billed as (
    select
        warehouse_id,
        date_part(epoch_millisecond, start_time) as hour_ms,
        credits_used_compute as credits,
        credits_used_compute - coalesce(credits_attributed_compute_queries, 0) as idle_credits
    from snowflake.account_usage.warehouse_metering_history
    where start_time >= to_timestamp_ltz(:from_ms, 3)
      and start_time < to_timestamp_ltz(:until_ms, 3)
      and (warehouse_id, date_part(epoch_millisecond, start_time)) in (
          select warehouse_id, end_ms - mod(end_ms, 3600000) from tagged
      )
)
select
    'query' as part,
    tagged.query_id as query_id,
    tagged.start_ms as start_ms,
    tagged.end_ms as end_ms,
    tagged.query_text as query_text,
    cast(null as boolean) as cache_hit,
    attributed.credits as credits,
    cast(null as bigint) as bytes_billed,
    cast(null as bigint) as slot_ms,
    cast(null as double) as usd,
    cast(null as bigint) as equal_ms
from tagged
left join attributed on attributed.query_id = tagged.query_id
union all
select
    'bill', concat('bill-', cast(warehouse_id as varchar)), hour_ms, hour_ms, null, null, credits, null, null, null, null
from billed
union all
select
    'idle', concat('idle-', cast(warehouse_id as varchar)), hour_ms, hour_ms, null, null, idle_credits, null, null, null, null
from billed
order by end_ms, query_id
