with finished as (
    select distinct
        query_id,
        warehouse_id,
        date_part(epoch_millisecond, start_time) as start_ms,
        date_part(epoch_millisecond, end_time) as end_ms,
        date_part(epoch_millisecond, end_time) - mod(date_part(epoch_millisecond, end_time), 3600000) as hour_ms,
        coalesce(execution_time, 0) as work_ms,
        contains(query_text, concat('Hex query ', 'metadata:')) as is_tagged,
        right(query_text, 4096) as query_text
    from snowflake.account_usage.query_history
    where end_time >= to_timestamp_ltz(:from_ms, 3)
      and end_time < to_timestamp_ltz(:until_ms, 3)
),
worked as (
    select warehouse_id, hour_ms, sum(work_ms) as work_ms
    from finished
    where warehouse_id is not null
    group by warehouse_id, hour_ms
    having sum(case when is_tagged then 1 else 0 end) > 0
),
billed as (
    select
        metered.warehouse_id as warehouse_id,
        worked.hour_ms as hour_ms,
        worked.work_ms as work_ms,
        metered.credits_used_compute as credits,
        coalesce(metered.credits_attributed_compute_queries, metered.credits_used_compute) as used_credits
    from (
        select distinct warehouse_id, start_time, credits_used_compute, credits_attributed_compute_queries
        from snowflake.account_usage.warehouse_metering_history
        where start_time >= to_timestamp_ltz(:from_ms, 3)
          and start_time < to_timestamp_ltz(:until_ms, 3)
    ) as metered
    join worked
      on worked.warehouse_id = metered.warehouse_id
     and worked.hour_ms = date_part(epoch_millisecond, metered.start_time)
)
select
    'query' as part,
    finished.query_id as query_id,
    finished.start_ms as start_ms,
    finished.end_ms as end_ms,
    finished.query_text as query_text,
    cast(null as boolean) as cache_hit,
    billed.used_credits * finished.work_ms / nullif(billed.work_ms, 0) as credits,
    cast(null as bigint) as bytes_billed,
    cast(null as bigint) as slot_ms,
    cast(null as double) as usd,
    cast(null as bigint) as equal_ms
from finished
left join billed on billed.warehouse_id = finished.warehouse_id and billed.hour_ms = finished.hour_ms
where finished.is_tagged
union all
select
    'bill', concat('bill-', cast(warehouse_id as varchar)), hour_ms, hour_ms, null, null, credits, null, null, null, null
from billed
union all
select
    'idle', concat('idle-', cast(warehouse_id as varchar)), hour_ms, hour_ms, null, null,
    credits - used_credits, null, null, null, null
from billed
order by end_ms, query_id
