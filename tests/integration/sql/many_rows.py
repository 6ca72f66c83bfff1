"""A PostgreSQL database with as many payments as a shop that is in its second year, in shares as they come.

Nearly all are paid, told and done with; few of anything wait, which is what the queues' indexes live on.
"""

import asyncpg

# Instants in microseconds; a payment each second.
START = 1_767_605_400_000_000

_PAID = """
INSERT INTO payments SELECT id(1, n), 'order_' || n, 'user_' || n % ($1 / 20), 100000, 'ETB', '1',
  'sara@shop.et', 'Sara', NULL, NULL, at(n), at(n), CASE WHEN n % 50 = 0 THEN 'failed'
  WHEN n % 100 = 1 THEN 'processing' ELSE 'success' END, 3, 1, 'paid', '["pending"]',
  CASE WHEN n % 3 = 0 THEN 'paystack' ELSE 'chapa' END, ref(n), NULL, 100000, 0, NULL, '', false FROM numbers;
INSERT INTO attempts SELECT ref(n), id(1, n), 0, CASE WHEN n % 3 = 0 THEN 'paystack' ELSE 'chapa' END, 'live',
  100000, 'ETB', '1', at(n), at(n) + 259200000000, NULL, CASE WHEN n % 100 = 1 THEN at(n) END,
  CASE WHEN n % 50 = 0 THEN 'failed' WHEN n % 1000 = 1 THEN 'unknown' WHEN n % 100 = 1 THEN 'open'
  ELSE 'succeeded' END, NULL, '', CASE WHEN n % 4 = 0 THEN '254700000000' END,
  NULL, 'https://chapa.example/' || n, 'AP' || n, md5('c' || n),
  md5('p' || n), false, at(n), false, NULL, '[]', NULL, NULL, 0, 1, at(n), '' FROM numbers;
INSERT INTO captures SELECT id(2, n), id(1, n), 0, ref(n),
  CASE WHEN n % 3 = 0 THEN 'paystack' ELSE 'chapa' END, 'live', 'AP' || n, 100000, 'ETB', 'settles', at(n),
  NULL FROM numbers WHERE n % 50 <> 0 AND n % 100 <> 1;
INSERT INTO refunds SELECT id(3, n), id(1, n), 0, id(2, n), 'r-' || n, 1000, 'ETB', 'succeeded', 'damaged',
  'operator:7', at(n), NULL, NULL, md5('r' || n), at(n), CASE WHEN n % 1000 = 7 THEN at(n) END, ''
  FROM numbers WHERE n % 2 = 1 AND n % 100 <> 1;
INSERT INTO evidence SELECT id(4, n), id(1, n), ref(n), 'status_check', 'notice', 'settled', at(n), 'paid',
  'success', ref(n), 100000, 'ETB', 'live', 'AP' || n, 'AP' || n, NULL, '', NULL, NULL, NULL, NULL
  FROM numbers;
INSERT INTO audit SELECT id(1, n), s, at(n), 'system', 'notice', '[]', NULL, '', '', '' FROM numbers,
  generate_series(1, 2) s;
INSERT INTO messages SELECT id(5 + s, n), id(1, n), 'order_' || n, s,
  CASE s WHEN 1 THEN 'orders' ELSE 'payer' END, 'paid', '{}', at(n),
  CASE WHEN n % 1000 = 3 THEN 'pending' WHEN n % 5000 = 4 THEN 'parked' ELSE 'delivered' END,
  CASE WHEN n % 1000 = 3 THEN at(n) END, 1, at(n), '', NULL FROM numbers, generate_series(1, 2) s;
INSERT INTO reviews SELECT id(8, n), 'amount_mismatch', id(1, n), id(1, n), '', at(n),
  CASE WHEN n % 1000 = 5 THEN 'open' ELSE 'resolved' END, NULL, NULL, NULL, NULL, NULL
  FROM numbers WHERE n % 10 = 5;
INSERT INTO reviews SELECT id(11, n), 'orphan', ref(n) || 'x', NULL, '', at(n),
  CASE WHEN n % 1000 = 5 THEN 'open' ELSE 'resolved' END,
  NULL, NULL, NULL, NULL, NULL FROM numbers WHERE n % 20 = 5;
INSERT INTO review_audit SELECT id(11, n), 1, at(n), 'provider:chapa', 'webhook', '[]', NULL, '', '', ''
  FROM numbers WHERE n % 2 = 1;
INSERT INTO notices SELECT id(9, n), 'chapa', md5(n::text),
  CASE WHEN n % 10 = 9 THEN 'sealed'::bytea ELSE '' END, ref(n), 'paid', 'success', at(n),
  CASE WHEN n % 1000 <> 3 THEN at(n) END, '', CASE WHEN n % 1000 = 3 THEN at(n) END, 1, NULL FROM numbers;
INSERT INTO notices SELECT id(12, n), 'chapa', md5('u' || n), '', ref(n) || 'x', 'paid', 'success', at(n),
  NULL, 'unknown reference', at(n), 1, NULL FROM numbers WHERE n % 500 = 7;
INSERT INTO answers SELECT 'user_' || n % ($1 / 20), 'initiate', 'key-' || n, '', id(10, n), at(n), 200, ''
  FROM numbers WHERE n % 2 = 0;
INSERT INTO handovers SELECT 'h-' || n, 'rider_' || n % 10, 'operator:7', at(n) FROM numbers WHERE n % 20 = 0;
INSERT INTO collections SELECT 'c-' || n, '', 'rider_' || n % 10, 'collected', 100000, 'ETB', id(1, n),
  ref(n), 'order_' || n, '', 'settled', 'success', at(n), CASE WHEN n % 1000 <> 10 THEN 'h-' || n - n % 20 END
  FROM numbers WHERE n % 10 = 0 AND n >= 20;
INSERT INTO coalesced SELECT 'ask:' || ref(n), at(n) FROM numbers WHERE n % 4 = 0;
"""


async def fill(connection: asyncpg.Connection, payments: int) -> None:
    """Store ``payments`` payments with all that stands around them, and let the planner know."""
    await connection.execute(
        f"""
        CREATE FUNCTION pg_temp.id(kind integer, n integer) RETURNS text LANGUAGE sql IMMUTABLE AS
          $$ SELECT lpad(to_hex(n), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(kind), 12, '0') $$;
        CREATE FUNCTION pg_temp.ref(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS
          $$ SELECT 'p-' || md5(n::text) $$;
        CREATE FUNCTION pg_temp.at(n integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS
          $$ SELECT {START} + n * 1000000::bigint $$;
        CREATE TEMPORARY TABLE numbers AS SELECT n FROM generate_series(1, {payments:d}) n;
        SET synchronous_commit = off;
        """  # noqa: S608 - two numbers of ours
    )
    text = _PAID.replace("$1", str(payments))
    for name in ("id", "ref", "at"):
        text = text.replace(f" {name}(", f" pg_temp.{name}(").replace(f"({name}(", f"(pg_temp.{name}(")
    await connection.execute(text)
    await connection.execute("ANALYZE; DROP TABLE numbers; RESET synchronous_commit")
