WITH finished AS (
  SELECT DISTINCT
    query_id,
    start_time,
    end_time,
    result_cache_hit,
    query_text
  FROM sys_query_history
  WHERE
    end_time >= CAST('epoch' AS TIMESTAMP) + %(from_ms)s / 1000 * INTERVAL '1 SECOND'
    AND end_time < CAST('epoch' AS TIMESTAMP) + %(until_ms)s / 1000 * INTERVAL '1 SECOND'
), numbered AS (
  SELECT
    pieces.query_id,
    pieces.sequence,
    pieces.text,
    ROW_NUMBER() OVER (PARTITION BY pieces.query_id ORDER BY pieces.sequence DESC) AS from_end
  FROM (
    SELECT DISTINCT
      query_id,
      sequence,
      text
    FROM sys_query_text
    WHERE
      query_id IN (
        SELECT
          query_id
        FROM finished
      )
  ) AS pieces
), ends AS (
  SELECT
    query_id,
    LISTAGG(text, '') WITHIN GROUP (ORDER BY
      sequence) AS query_text
  FROM numbered
  WHERE
    from_end <= 21
  GROUP BY
    query_id
)
SELECT
  'query' AS part,
  CAST(finished.query_id AS VARCHAR) AS query_id,
  CAST(EXTRACT(EPOCH FROM finished.start_time) * 1000 AS BIGINT) AS start_ms,
  CAST(EXTRACT(EPOCH FROM finished.end_time) * 1000 AS BIGINT) AS end_ms,
  RIGHT(COALESCE(ends.query_text, finished.query_text), 4096) AS query_text,
  finished.result_cache_hit AS cache_hit,
  CAST(NULL AS DOUBLE PRECISION) AS credits,
  CAST(NULL AS BIGINT) AS bytes_billed,
  CAST(NULL AS BIGINT) AS slot_ms,
  CAST(NULL AS DOUBLE PRECISION) AS usd,
  CAST(NULL AS BIGINT) AS equal_ms
FROM finished
LEFT JOIN ends
  ON ends.query_id = finished.query_id
WHERE
  POSITION('Hex query ' || 'metadata:' IN COALESCE(ends.query_text, finished.query_text)) > 0
ORDER BY
  end_ms,
  query_id
