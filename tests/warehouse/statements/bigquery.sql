WITH tagged AS (
  SELECT
    job_id,
    unix_millis(start_time) AS start_ms,
    unix_millis(end_time) AS end_ms,
    right(query, 4096) AS query_text,
    cache_hit,
    total_bytes_billed,
    total_slot_ms,
    MD5(
      CONCAT(user_email, ' ', REGEXP_REPLACE(query, '--[ \\t]*Hex query [m]etadata:[^\\n]*', ''))
    ) AS text_key
  FROM `region-us`.`INFORMATION_SCHEMA.JOBS_BY_PROJECT` AS JOBS_BY_PROJECT
  WHERE
    creation_time >= TIMESTAMP_MILLIS(@from_ms - 108000000)
    AND creation_time < TIMESTAMP_MILLIS(@until_ms)
    AND end_time >= TIMESTAMP_MILLIS(@from_ms - 86400000)
    AND end_time < TIMESTAMP_MILLIS(@until_ms)
    AND parent_job_id IS NULL
    AND INSTR(query, CONCAT('Hex query ', 'metadata:')) > 0
), compared AS (
  SELECT
    job_id,
    start_ms,
    end_ms,
    query_text,
    cache_hit,
    total_bytes_billed,
    total_slot_ms,
    text_key,
    MIN(end_ms) OVER (
      PARTITION BY text_key
      ORDER BY end_ms
      range BETWEEN 86400000 preceding AND 1 preceding
    ) AS equal_ms
  FROM tagged
)
SELECT
  'query' AS part,
  job_id AS query_id,
  start_ms AS start_ms,
  end_ms AS end_ms,
  query_text AS query_text,
  cache_hit AS cache_hit,
  CAST(NULL AS FLOAT64) AS credits,
  total_bytes_billed AS bytes_billed,
  total_slot_ms AS slot_ms,
  CAST(NULL AS FLOAT64) AS usd,
  equal_ms AS equal_ms
FROM compared
WHERE
  end_ms >= @from_ms
ORDER BY
  end_ms,
  query_id
