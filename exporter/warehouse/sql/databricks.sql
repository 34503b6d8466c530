with finished as (
    select distinct
        statement_id,
        compute.warehouse_id as warehouse_id,
        unix_millis(start_time) as start_ms,
        unix_millis(end_time) as end_ms,
        unix_millis(end_time) - mod(unix_millis(end_time), 3600000) as hour_ms,
        from_result_cache,
        coalesce(total_task_duration_ms, 0) as task_ms,
        instr(statement_text, concat('Hex query ', 'metadata:')) > 0 as is_tagged,
        right(statement_text, 4096) as query_text
    from system.query.history
    where end_time >= timestamp_millis(:from_ms)
      and end_time < timestamp_millis(:until_ms)
      and compute.warehouse_id is not null
),
worked as (
    select warehouse_id, hour_ms, sum(task_ms) as task_ms
    from finished
    group by warehouse_id, hour_ms
    having max(is_tagged)
),
billed_once as (
    select distinct record_id, usage_metadata.warehouse_id as warehouse_id, usage_start_time, usage_quantity
    from system.billing.usage
    where usage_start_time >= timestamp_millis(:from_ms)
      and usage_start_time < timestamp_millis(:until_ms)
      and usage_unit = 'DBU'
      and usage_metadata.warehouse_id is not null
),
billed as (
    select
        warehouse_id,
        unix_millis(usage_start_time) - mod(unix_millis(usage_start_time), 3600000) as hour_ms,
        sum(usage_quantity) as dbus
    from billed_once
    group by 1, 2
)
select
    'query' as part,
    finished.statement_id as query_id,
    finished.start_ms as start_ms,
    finished.end_ms as end_ms,
    finished.query_text as query_text,
    finished.from_result_cache as cache_hit,
    billed.dbus * finished.task_ms / nullif(worked.task_ms, 0) as credits,
    cast(null as bigint) as bytes_billed,
    cast(null as bigint) as slot_ms,
    cast(null as double) as usd,
    cast(null as bigint) as equal_ms
from finished
join worked on worked.warehouse_id = finished.warehouse_id and worked.hour_ms = finished.hour_ms
left join billed on billed.warehouse_id = finished.warehouse_id and billed.hour_ms = finished.hour_ms
where finished.is_tagged
union all
select
    'bill', concat('bill-', billed.warehouse_id), billed.hour_ms, billed.hour_ms, null, null, billed.dbus, null, null, null,
    null
from billed
join worked on worked.warehouse_id = billed.warehouse_id and worked.hour_ms = billed.hour_ms
order by end_ms, query_id
