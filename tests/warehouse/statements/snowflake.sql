WITH tagged AS (
  SELECT
    query_id,
    warehouse_id,
    DATE_PART(epoch_millisecond, start_time) AS start_ms,
    DATE_PART(epoch_millisecond, end_time) AS end_ms,
    RIGHT(query_text, 4096) AS query_text
  FROM snowflake.account_usage.query_history
  WHERE
    end_time >= TO_TIMESTAMP(:from_ms, 3)
    AND end_time < TO_TIMESTAMP(:until_ms, 3)
    AND CONTAINS(query_text, CONCAT('Hex query ', 'metadata:'))
), attributed_once AS (
  SELECT DISTINCT
    query_id,
    start_time,
    end_time,
    credits_attributed_compute + COALESCE(credits_used_query_acceleration, 0) AS credits
  FROM snowflake.account_usage.query_attribution_history
  WHERE
    end_time >= TO_TIMESTAMP(:from_ms - 86400000, 3)
    AND end_time < TO_TIMESTAMP(:until_ms + 86400000, 3)
), attributed AS (
  SELECT
    query_id,
    SUM(credits) AS credits
  FROM attributed_once
  GROUP BY
    query_id
), billed AS (
  SELECT
    warehouse_id,
    DATE_PART(epoch_millisecond, start_time) AS hour_ms,
    credits_used_compute AS credits,
    credits_used_compute - COALESCE(credits_attributed_compute_queries, 0) AS idle_credits
  FROM snowflake.account_usage.warehouse_metering_history
  WHERE
    start_time >= TO_TIMESTAMP(:from_ms, 3)
    AND start_time < TO_TIMESTAMP(:until_ms, 3)
    AND (warehouse_id, DATE_PART(epoch_millisecond, start_time)) IN (
      SELECT
        warehouse_id,
        end_ms - end_ms % 3600000
      FROM tagged
    )
)
SELECT
  'query' AS part,
  tagged.query_id AS query_id,
  tagged.start_ms AS start_ms,
  tagged.end_ms AS end_ms,
  tagged.query_text AS query_text,
  CAST(NULL AS BOOLEAN) AS cache_hit,
  attributed.credits AS credits,
  CAST(NULL AS BIGINT) AS bytes_billed,
  CAST(NULL AS BIGINT) AS slot_ms,
  CAST(NULL AS DOUBLE) AS usd,
  CAST(NULL AS BIGINT) AS equal_ms
FROM tagged
LEFT JOIN attributed
  ON attributed.query_id = tagged.query_id
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
  idle_credits,
  NULL,
  NULL,
  NULL,
  NULL
FROM billed
ORDER BY
  end_ms,
  query_id
