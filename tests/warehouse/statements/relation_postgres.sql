SELECT
  part,
  query_id,
  start_ms,
  end_ms,
  RIGHT(query_text, 4096) AS query_text,
  cache_hit,
  credits,
  bytes_billed,
  slot_ms,
  usd,
  NULL AS equal_ms
FROM s.hex_queries
WHERE
  end_ms >= %(from_ms)s
  AND end_ms < %(until_ms)s
  AND (
    part <> 'query' OR query_text LIKE '%Hex query _etadata:%'
  )
ORDER BY
  end_ms,
  query_id
