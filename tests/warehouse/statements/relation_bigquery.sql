WITH marked AS (
  SELECT
    part,
    query_id,
    start_ms,
    end_ms,
    right(query_text, 4096) AS query_text,
    cache_hit,
    credits,
    bytes_billed,
    slot_ms,
    usd,
    CASE
      WHEN length(replace(query_text, 'Hex query ' || 'metadata:', '')) < length(query_text) - length('Hex query ' || 'metadata:')
      THEN NULL
      WHEN INSTR(query_text, 'Hex query ' || 'metadata:') > 5
      THEN substr(query_text, 1, INSTR(query_text, 'Hex query ' || 'metadata:') - 1)
      ELSE substr(query_text, INSTR(query_text, CHR(  10)) + 1)
    END AS text_key
  FROM s.hex_queries
  WHERE
    end_ms >= @from_ms - 86400000
    AND end_ms < @until_ms
    AND (
      part <> 'query' OR query_text LIKE '%Hex query _etadata:%'
    )
), compared AS (
  SELECT
    part,
    query_id,
    start_ms,
    end_ms,
    query_text,
    cache_hit,
    credits,
    bytes_billed,
    slot_ms,
    usd,
    text_key,
    MIN(end_ms) OVER (
      PARTITION BY text_key
      ORDER BY end_ms
      range BETWEEN 86400000 preceding AND 1 preceding
    ) AS equal_ms
  FROM marked
)
SELECT
  part,
  query_id,
  start_ms,
  end_ms,
  query_text,
  cache_hit,
  credits,
  bytes_billed,
  slot_ms,
  usd,
  CASE WHEN NOT text_key IS NULL THEN equal_ms END AS equal_ms
FROM compared
WHERE
  end_ms >= @from_ms
ORDER BY
  end_ms,
  query_id
