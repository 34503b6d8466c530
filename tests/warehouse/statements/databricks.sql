WITH finished AS (
  SELECT DISTINCT
    statement_id,
    compute.warehouse_id AS warehouse_id,
    UNIX_MILLIS(start_time) AS start_ms,
    UNIX_MILLIS(end_time) AS end_ms,
    UNIX_MILLIS(end_time) - UNIX_MILLIS(end_time) % 3600000 AS hour_ms,
    from_result_cache,
    COALESCE(total_task_duration_ms, 0) AS task_ms,
    LOCATE(CONCAT('Hex query ', 'metadata:'), statement_text) > 0 AS is_tagged,
    RIGHT(statement_text, 4096) AS query_text
  FROM system.query.history
  WHERE
    end_time >= TIMESTAMP_MILLIS(:from_ms)
    AND end_time < TIMESTAMP_MILLIS(:until_ms)
    AND NOT compute.warehouse_id IS NULL
), worked AS (
  SELECT
    warehouse_id,
    hour_ms,
    SUM(task_ms) AS task_ms
  FROM finished
  GROUP BY
    warehouse_id,
    hour_ms
  HAVING
    MAX(is_tagged)
), billed_once AS (
  SELECT DISTINCT
    record_id,
    usage_metadata.warehouse_id AS warehouse_id,
    usage_start_time,
    usage_quantity
  FROM system.billing.usage
  WHERE
    usage_start_time >= TIMESTAMP_MILLIS(:from_ms)
    AND usage_start_time < TIMESTAMP_MILLIS(:until_ms)
    AND usage_unit = 'DBU'
    AND NOT usage_metadata.warehouse_id IS NULL
), billed AS (
  SELECT
    warehouse_id,
    UNIX_MILLIS(usage_start_time) - UNIX_MILLIS(usage_start_time) % 3600000 AS hour_ms,
    SUM(usage_quantity) AS dbus
  FROM billed_once
  GROUP BY
    1,
    2
)
SELECT
  'query' AS part,
  finished.statement_id AS query_id,
  finished.start_ms AS start_ms,
  finished.end_ms AS end_ms,
  finished.query_text AS query_text,
  finished.from_result_cache AS cache_hit,
  billed.dbus * finished.task_ms / NULLIF(worked.task_ms, 0) AS credits,
  CAST(NULL AS BIGINT) AS bytes_billed,
  CAST(NULL AS BIGINT) AS slot_ms,
  CAST(NULL AS DOUBLE) AS usd,
  CAST(NULL AS BIGINT) AS equal_ms
FROM finished
JOIN worked
  ON worked.warehouse_id = finished.warehouse_id AND worked.hour_ms = finished.hour_ms
LEFT JOIN billed
  ON billed.warehouse_id = finished.warehouse_id AND billed.hour_ms = finished.hour_ms
WHERE
  finished.is_tagged
UNION ALL
SELECT
  'bill',
  CONCAT('bill-', billed.warehouse_id),
  billed.hour_ms,
  billed.hour_ms,
  NULL,
  NULL,
  billed.dbus,
  NULL,
  NULL,
  NULL,
  NULL
FROM billed
JOIN worked
  ON worked.warehouse_id = billed.warehouse_id AND worked.hour_ms = billed.hour_ms
ORDER BY
  end_ms,
  query_id
