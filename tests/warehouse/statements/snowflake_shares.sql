WITH finished AS (
  SELECT DISTINCT
    query_id,
    warehouse_id,
    DATE_PART(epoch_millisecond, start_time) AS start_ms,
    DATE_PART(epoch_millisecond, end_time) AS end_ms,
    DATE_PART(epoch_millisecond, end_time) - DATE_PART(epoch_millisecond, end_time) % 3600000 AS hour_ms,
    COALESCE(execution_time, 0) AS work_ms,
    CONTAINS(query_text, CONCAT('Hex query ', 'metadata:')) AS is_tagged,
    RIGHT(query_text, 4096) AS query_text
  FROM snowflake.account_usage.query_history
  WHERE
    end_time >= TO_TIMESTAMP(:from_ms, 3) AND end_time < TO_TIMESTAMP(:until_ms, 3)
), worked AS (
  SELECT
    warehouse_id,
    hour_ms,
    SUM(work_ms) AS work_ms
  FROM finished
  WHERE
    NOT warehouse_id IS NULL
  GROUP BY
    warehouse_id,
    hour_ms
  HAVING
    SUM(CASE WHEN is_tagged THEN 1 ELSE 0 END) > 0
), billed AS (
  SELECT
    metered.warehouse_id AS warehouse_id,
    worked.hour_ms AS hour_ms,
    worked.work_ms AS work_ms,
    metered.credits_used_compute AS credits,
    COALESCE(metered.credits_attributed_compute_queries, metered.credits_used_compute) AS used_credits
  FROM (
    SELECT DISTINCT
      warehouse_id,
      start_time,
      credits_used_compute,
      credits_attributed_compute_queries
    FROM snowflake.account_usage.warehouse_metering_history
    WHERE
      start_time >= TO_TIMESTAMP(:from_ms, 3)
      AND start_time < TO_TIMESTAMP(:until_ms, 3)
  ) AS metered
  JOIN worked
    ON worked.warehouse_id = metered.warehouse_id
    AND worked.hour_ms = DATE_PART(epoch_millisecond, metered.start_time)
)
SELECT
  'query' AS part,
  finished.query_id AS query_id,
  finished.start_ms AS start_ms,
  finished.end_ms AS end_ms,
  finished.query_text AS query_text,
  CAST(NULL AS BOOLEAN) AS cache_hit,
  billed.used_credits * finished.work_ms / NULLIF(billed.work_ms, 0) AS credits,
  CAST(NULL AS BIGINT) AS bytes_billed,
  CAST(NULL AS BIGINT) AS slot_ms,
  CAST(NULL AS DOUBLE) AS usd,
  CAST(NULL AS BIGINT) AS equal_ms
FROM finished
LEFT JOIN billed
  ON billed.warehouse_id = finished.warehouse_id AND billed.hour_ms = finished.hour_ms
WHERE
  finished.is_tagged
UNION ALL
SELECT
  'bill',
  CONCAT('bill-', CAST(warehouse_id AS VARCHAR)),
  hour_ms,
  hour_ms,
  NULL,
  NULL,
  credits,
  NULL,
  NULL,
  NULL,
  NULL
FROM billed
UNION ALL
SELECT
  'idle',
  CONCAT('idle-', CAST(warehouse_id AS VARCHAR)),
  hour_ms,
  hour_ms,
  NULL,
  NULL,
  credits - used_credits,
  NULL,
  NULL,
  NULL,
  NULL
FROM billed
ORDER BY
  end_ms,
  query_id
