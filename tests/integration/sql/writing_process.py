"""A process that writes until it is killed.

``python writing_process.py DATABASE inside`` commits one payment, and waits inside its second transaction;
``python writing_process.py DATABASE loop`` commits one payment after the other and counts them aloud.
DATABASE is a file of SQLite's, or an address of PostgreSQL.
"""

import asyncio
import sys

from payments.adapters.sql.postgres import open_postgres
from payments.adapters.sql.postgres_url import is_postgresql
from payments.adapters.sql.sqlite import open_sqlite
from payments.application.ports.repository import Transaction
from payments.testing.contracts.stored import a_payment, an_attempt, keep


async def main(database: str, how: str) -> None:
    opening = open_postgres(database) if is_postgresql(database) else open_sqlite(database)
    async with opening as units:
        if how == "inside":
            await keep(units, a_payment(1, attempts=(an_attempt(1),)))

            async def work(transaction: Transaction) -> None:
                await transaction.open_payment(a_payment(2))
                sys.stdout.write("inside\n")
                sys.stdout.flush()
                await asyncio.Event().wait()

            await units.write(work)
        number = len(await units.reads.payments_after(None, 100_000))
        while True:
            number += 1
            await keep(units, a_payment(number, attempts=(an_attempt(number),)))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


asyncio.run(main(sys.argv[1], sys.argv[2]))
