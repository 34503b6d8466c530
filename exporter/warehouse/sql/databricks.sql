with finished as (
    select
        statement_id,
        compute.warehouse_id as warehouse_id,
        start_time,
        end_time,
        from_result_cache,
        date_trunc('hour', end_time) as hour,
        coalesce(total_task_duration_ms, 0) as task_ms,
        instr(statement_text, concat('Hex query ', 'metadata:')) > 0 as is_tagged,
        right(statement_text, 4096) as query_text
    from system.query.history
    where end_time >= timestamp_millis(:from_ms)
      and end_time < timestamp_millis(:until_ms)
      and compute.warehouse_id is not null
),
worked as (
    select warehouse_id, hour, sum(task_ms) as task_ms
    from finished
    group by warehouse_id, hour
    having max(is_tagged)
),
billed as (
    select
        usage_metadata.warehouse_id as warehouse_id,
        date_trunc('hour', usage_start_time) as hour,
        sum(usage_quantity) as dbus
    from system.billing.usage
    where usage_start_time >= timestamp_millis(:from_ms)
      and usage_start_time < timestamp_millis(:until_ms)
      and usage_unit = 'DBU'
      and usage_metadata.warehouse_id in (select warehouse_id from worked)
    group by 1, 2
)
select
    'query' as part,
    finished.statement_id as query_id,
    unix_millis(finished.start_time) as start_ms,
    unix_millis(finished.end_time) as end_ms,
    finished.query_text as query_text,
    finished.from_result_cache as cache_hit,
    billed.dbus * finished.task_ms / nullif(worked.task_ms, 0) as credits,
    cast(null as bigint) as bytes_billed,
    cast(null as bigint) as slot_ms,
    cast(null as double) as usd
from finished
join worked on worked.warehouse_id = finished.warehouse_id and worked.hour = finished.hour
left join billed on billed.warehouse_id = finished.warehouse_id and billed.hour = finished.hour
where finished.is_tagged
union all
select 'bill', concat('bill-', warehouse_id), unix_millis(hour), unix_millis(hour), null, null, dbus, null, null, null
from billed
order by end_ms, query_id
