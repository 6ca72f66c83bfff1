"""The planted faults: what people who build such services have got wrong, and what must notice it here.

The rules they break stand in docs/model.md and docs/edge-cases.md. A place is kept short and on lines that
rarely change; one that moved is named by ``tests/planted/test_table.py``.
"""

from typing import Final

from tests.planted.fault import Fault

CASES: Final = "tests/unit/use_cases"
PROVIDERS: Final = "tests/unit/adapters/providers"
STORE: Final = "tests/contract/test_unit_of_work.py"
CONSOLE: Final = "tests/integration/console"
HTTP: Final = "tests/integration/http"
FIRST_TABLES: Final = "adapters/sql/migrations/versions/2026_11_23_first_tables.py"
USE_CASES: Final = "application/use_cases"

THE_STORE: Final = (
    Fault(
        "the row lock is not taken",
        "adapters/sql/statements.py",
        'PAYMENTS.c.payment_id == bindparam("payment_id")).with_for_update()',
        'PAYMENTS.c.payment_id == bindparam("payment_id"))',
        f"{STORE}::TestPostgresUnitOfWork::test_changes_of_one_payment_happen_one_after_the_other",
        seen_as="StaleVersion",
    ),
    Fault(
        "no index keeps a second live attempt out",
        FIRST_TABLES,
        '        "attempts_live",\n        "attempts",\n        ["payment_id"],\n        unique=True,',
        '        "attempts_live",\n        "attempts",\n        ["payment_id"],\n        unique=False,',
        f"{STORE}::TestSqliteUnitOfWork::test_a_payment_has_one_live_attempt",
    ),
    Fault(
        "no index keeps one capture key from counting twice",
        FIRST_TABLES,
        '"captures_key", "captures", ["provider", "mode", "key"], unique=True',
        '"captures_key", "captures", ["provider", "mode", "key"]',
        f"{STORE}::TestSqliteUnitOfWork::test_a_capture_key_counts_once",
    ),
    Fault(
        "no index keeps a second capture from settling",
        FIRST_TABLES,
        '"captures_settling", "captures", ["payment_id"], unique=True',
        '"captures_settling", "captures", ["payment_id"]',
        f"{STORE}::TestSqliteUnitOfWork::test_one_capture_settles_a_payment",
    ),
    Fault(
        "equal notices are stored twice",
        FIRST_TABLES,
        '"notices_digest", "notices", ["digest"], unique=True',
        '"notices_digest", "notices", ["digest"]',
        f"{STORE}::TestSqliteUnitOfWork::test_a_notice_comes_back_as_stored_and_a_duplicate_is_recognised",
    ),
    Fault(
        "a sequence number is given twice in one order",
        FIRST_TABLES,
        '"messages_order", "messages", ["order_id", "sequence"], unique=True',
        '"messages_order", "messages", ["order_id", "sequence"]',
        f"{STORE}::TestSqliteUnitOfWork::test_a_sequence_number_is_given_once_per_order",
    ),
    Fault(
        "the message is written outside the transaction",
        "adapters/sql/sqlite.py",
        "        for number, write in enumerate(writes):\n",
        "        for number, write in enumerate(writes):\n"
        '            if write.statement.table.name == "messages":\n'
        '                self._connection.execute("COMMIT")\n'
        '                self._connection.execute("BEGIN IMMEDIATE")\n',
        f"{STORE}::TestSqliteUnitOfWork::test_work_that_raises_leaves_nothing",
    ),
    Fault(
        "the audit entry is written outside the transaction",
        "adapters/sql/sqlite.py",
        "        for number, write in enumerate(writes):\n",
        "        for number, write in enumerate(writes):\n"
        '            if write.statement.table.name == "audit":\n'
        '                self._connection.execute("COMMIT")\n'
        '                self._connection.execute("BEGIN IMMEDIATE")\n',
        f"{STORE}::TestSqliteUnitOfWork::test_work_that_raises_leaves_nothing",
    ),
    Fault(
        "a change from an old version is written over a newer one",
        "adapters/sql/statements.py",
        'PAYMENTS.c.version == bindparam("version_before")',
        'or_(PAYMENTS.c.version == bindparam("version_before"), PAYMENTS.c.version >= 0)',
        f"{STORE}::TestSqliteUnitOfWork::test_a_change_from_another_version_is_stale_and_leaves_nothing",
    ),
    Fault(
        "who holds money is told by a save that does not write it",
        "adapters/sql/repository.py",
        " and not self._held_by_nobody.are_written_by(change)",
        " and change is None",
        f"{STORE}::TestSqliteUnitOfWork::test_who_does_not_store_what_was_to_tell_has_looked",
    ),
    Fault(
        "whose money has a name is told by any attempt that bears it",
        "adapters/sql/saving.py",
        "self.provider_reference is None or paid <= named",
        "self.provider_reference is None or bool(named)",
        f"{STORE}::TestSqliteUnitOfWork::test_a_name_that_another_attempt_of_the_payment_bears_proves_nothing",
    ),
    Fault(
        "no index keeps a provider's name from two attempts",
        FIRST_TABLES,
        '        ["provider", "mode", "provider_reference"],\n        unique=True,',
        '        ["provider", "mode", "provider_reference"],\n        unique=False,',
        f"{STORE}::TestSqliteUnitOfWork::test_money_that_another_attempt_of_the_payment_has_is_found_as_well",
    ),
    Fault(
        "a message is marked without its lease",
        "adapters/sql/statements.py",
        'MESSAGES.c.lease == bindparam("token"))',
        'or_(MESSAGES.c.lease == bindparam("token"), MESSAGES.c.message_id != ""))',
        f"{STORE}::TestSqliteUnitOfWork::test_a_lost_message_lease_finishes_nothing",
    ),
    Fault(
        "a notice is marked without its lease",
        "adapters/sql/statements.py",
        'NOTICES.c.lease == bindparam("token"))',
        'or_(NOTICES.c.lease == bindparam("token"), NOTICES.c.notice_id != ""))',
        f"{STORE}::TestSqliteUnitOfWork::test_a_lost_notice_lease_finishes_nothing",
    ),
    Fault(
        "of what is due for longest the newest is taken",
        "adapters/sql/statements.py",
        "order_by(due_at, *then)",
        "order_by(due_at.desc(), *then)",
        f"{STORE}::TestSqliteUnitOfWork::test_due_notices_are_leased_oldest_first",
    ),
    Fault(
        "a commit of one statement is broken off",
        "adapters/sql/postgres_convoys.py",
        "await (unbroken(connection, answer) if self.commits else answer)",
        "await answer",
        "tests/integration/sql/test_postgres_single_writes.py"
        "::test_whoever_does_not_wait_for_a_single_write_hangs_up_and_never_breaks_it_off",
        seen_as="TimeoutError",
    ),
    Fault(
        "who is refused takes along all who asked at the same time",
        "adapters/sql/postgres_convoys.py",
        'return getattr(error, "severity_en", None) == "ERROR" or isinstance(error, asyncpg.DataError)',
        "return False",
        "tests/integration/sql/test_postgres_convoys.py"
        "::test_what_the_server_refuses_one_is_refused_to_that_one_alone",
    ),
    Fault(
        "two processes lock the same payments crosswise",
        "adapters/sql/postgres_convoys.py",
        "numbered.sort(key=lambda each: self.place(each[1]))",
        "pass",
        "tests/integration/sql/test_postgres_convoys.py"
        "::test_two_who_change_the_same_payments_do_not_wait_for_each_other",
    ),
    Fault(
        "two processes store the same notices crosswise",
        "adapters/sql/postgres_convoys.py",
        "place=_row_of(statement),",
        "place=str,",
        "tests/integration/sql/test_postgres_convoys.py::test_nor_do_two_who_store_the_same_notices",
    ),
    Fault(
        "rows are told to somebody else who asked",
        "adapters/sql/postgres_convoys.py",
        "answers[row[ASKED]].append(row)",
        "answers[-1 - row[ASKED]].append(row)",
        "tests/integration/sql/test_postgres_convoys.py"
        "::test_who_reads_at_the_same_time_asks_once_and_each_has_its_own_rows",
    ),
    Fault(
        "an overtaken message is sent",
        "adapters/sql/statements.py",
        "_NEWER.c.sequence > MESSAGES.c.sequence",
        "_NEWER.c.sequence < 0",
        f"{STORE}::TestSqliteUnitOfWork::test_a_newer_message_of_an_order_overtakes_its_older_ones",
    ),
    Fault(
        "a message found overtaken is sent all the same",
        f"{USE_CASES}/deliver_messages.py",
        "if message.state is not MessageState.OVERTAKEN",
        "if message.state is not None",
        f"{CASES}/test_messages.py::test_what_was_overtaken_is_told_to_nobody_and_counts_as_looked_at",
    ),
    Fault(
        "SQLite does not wait for the disk",
        "adapters/sql/sqlite_connection.py",
        '"synchronous": 2',
        '"synchronous": 1',
        "tests/integration/sql/test_sqlite.py::test_every_setting_holds_on_the_connections",
    ),
)

WHAT_WE_DO_NOT_KNOW: Final = (
    Fault(
        "a lost answer fails the attempt",
        f"{USE_CASES}/open_checkout.py",
        "            await self.lost(payment, attempt, detail)",
        "            await self._refused(payment, attempt, Reason.NOT_SENT, detail)",
        f"{CASES}/test_recording_answers.py::test_each_of_the_three_ways_to_fail_is_recorded_and_told",
    ),
    Fault(
        "a time-out is taken for nothing sent",
        "adapters/http_client.py",
        "    httpx.ConnectError,\n",
        "    httpx.ConnectError,\n    httpx.ReadTimeout,\n    TimeoutError,\n",
        "tests/integration/test_http_client.py"
        "::test_an_answer_that_is_not_whole_in_time_leaves_the_outcome_unknown",
    ),
    Fault(
        "a change is sent once more by the library",
        "adapters/http_wire.py",
        "middlewares=None if question else (_once,)",
        "middlewares=None",
        "tests/integration/test_http_wire.py"
        "::test_only_a_question_is_repeated_where_a_kept_connection_was_lost",
    ),
    Fault(
        "a 5xx fails the attempt",
        "adapters/providers/chapa/api.py",
        "or answer.status not in _CLIENT_ERRORS or",
        "or",
        f"{PROVIDERS}/test_chapa_checkouts.py::test_each_answer_without_a_page_is_one_of_three_errors",
    ),
    Fault(
        "a 5xx about a payment is a decline",
        "adapters/providers/chapa/mapping.py",
        'return nothing(short(f"HTTP {answer.status} {answer.message}"))',
        'return Answer(outcome=Outcome.DECLINED, word=short(f"HTTP {answer.status}"))',
        f"{PROVIDERS}/test_chapa_answers.py::test_each_answer_means_one_thing",
    ),
    Fault(
        "not found counts before the hold window is over",
        "domain/no_money.py",
        "    if now - attempt.claimed_at < HOLD_WINDOW:",
        "    if now < attempt.claimed_at:",
        f"{CASES}/test_settle.py::test_not_found_within_the_hold_window_does_not_count_as_the_first_of_two",
    ),
    Fault(
        "one not found is enough",
        "domain/no_money.py",
        "    if attempt.not_found_at is None or now",
        "    if attempt.not_found_at is not None and now",
        f"{CASES}/test_settle.py::test_not_found_twice_past_the_window_and_a_minute_apart_means_never_created",
    ),
    Fault(
        "the reference is not on disk before the provider is called",
        f"{USE_CASES}/open_checkout.py",
        "            await transaction.save(stored)\n            return stored.after, attempt",
        "            return stored.after, attempt",
        f"{CASES}/test_recording_answers.py::test_the_reference_is_on_disk_before_the_provider_is_called",
    ),
    Fault(
        "whatever goes wrong while asking is a decline",
        "application/asking.py",
        '        return nothing(f"{type(trouble).__name__} while asking")',
        '        return Answer(outcome=type(nothing("").outcome).DECLINED, word="trouble")',
        f"{CASES}/test_what_an_answer_says.py::test_any_exception_from_asking_is_no_information",
    ),
)

WHO_SAYS_SO: Final = (
    Fault(
        "a webhook's word is taken for money",
        f"{USE_CASES}/settle_payment.py",
        "        evidence_id = self._identifiers.unique()\n",
        "        evidence_id = self._identifiers.unique()\n"
        '        if cause == "webhook":\n'
        "            answer = Answer(\n"
        '                outcome=Outcome.PAID, word="said", reference=reference, amount=attempt.amount,\n'
        '                mode=attempt.mode, capture_key="said",\n'
        "            )\n",
        f"{CASES}/test_notices.py::test_a_notice_of_success_alone_pays_nothing",
    ),
    Fault(
        "a webhook's word fails an attempt",
        f"{USE_CASES}/settle_payment.py",
        "        evidence_id = self._identifiers.unique()\n",
        "        evidence_id = self._identifiers.unique()\n"
        "        if failure_noticed_at is not None:\n"
        '            answer = Answer(outcome=Outcome.DECLINED, word="said", fingerprint="said")\n',
        f"{CASES}/test_notices.py::test_a_notice_of_failure_alone_fails_nothing",
    ),
    Fault(
        "Chapa's constant header is accepted",
        "adapters/providers/chapa/webhooks.py",
        "authentic |= covers_body and not is_constant",
        "authentic |= covers_body or is_constant",
        f"{PROVIDERS}/test_chapa_webhooks.py::test_what_the_secret_did_not_sign_is_forged",
    ),
    Fault(
        "an empty secret signs",
        "adapters/providers/chapa/webhooks.py",
        "return tuple(secret for secret in secrets if secret)",
        "return secrets",
        f"{PROVIDERS}/test_chapa_webhooks.py::test_what_the_secret_did_not_sign_is_forged",
    ),
    Fault(
        "an empty key signs",
        "adapters/providers/paystack/webhooks.py",
        "return tuple(key for key in keys if key)",
        "return keys",
        f"{PROVIDERS}/test_paystack_webhooks.py::test_what_no_active_key_signed_is_forged",
    ),
    Fault(
        "the signature is compared with that of JSON written anew",
        "adapters/providers/chapa/webhooks.py",
        'expected = hmac.digest(key, notice.body, "sha256")',
        "import json\n"
        "            try:\n"
        '                anew = json.dumps(json.loads(notice.body), separators=(",", ":")).encode()\n'
        "            except ValueError:\n"
        '                anew = b""\n'
        '            expected = hmac.digest(key, anew, "sha256")',
        f"{PROVIDERS}/test_chapa_webhooks.py::test_what_the_secret_did_not_sign_is_forged",
    ),
    Fault(
        "the first of two signature headers is enough",
        "adapters/providers/chapa/webhooks.py",
        "            if len(values) > 1:\n                return False\n",
        "",
        f"{PROVIDERS}/test_chapa_webhooks.py::test_what_the_secret_did_not_sign_is_forged",
    ),
    Fault(
        "a paid page is believed by what its address says",
        "entrypoints/http/verify.py",
        "attempt.return_to, payment.payment_id, payment.status))",
        "attempt.return_to, payment.payment_id, type(payment.status)("
        'call.request.query_params.get("status", payment.status.value))))',
        f"{HTTP}/test_verifying.py::TestComingBack::test_the_reference_is_taken_under_each_of_its_names",
    ),
    Fault(
        "the address to return to is taken from the query",
        "entrypoints/http/verify.py",
        "    return _away(desk.returns.address(",
        '    for name in ("return_to", "return_url", "redirect", "next", "url"):\n'
        "        if name in call.request.query_params:\n"
        "            return _away(call.request.query_params[name])\n"
        "    return _away(desk.returns.address(",
        f"{HTTP}/test_verifying.py::TestComingBack::test_no_query_decides_where_a_payer_goes",
    ),
    Fault(
        "a payer comes back through another provider",
        "entrypoints/http/verify.py",
        "    if attempt.provider != provider:\n",
        "    if not attempt.provider:\n",
        f"{HTTP}/test_verifying.py::TestComingBack::test_a_reference_of_another_provider_is_unknown_here",
    ),
    Fault(
        "a provider speaks about another's attempt",
        f"{USE_CASES}/process_notices.py",
        " or payment.attempt(notice.reference).provider != notice.provider:",
        ":",
        f"{CASES}/test_notices.py::test_a_notice_of_one_provider_about_anothers_attempt_asks_nobody",
    ),
    Fault(
        "any address takes a callback",
        f"{USE_CASES}/receive_callback.py",
        "        if payment is None:\n            raise ReferenceNotFound\n",
        "        if payment is None:\n            return Acknowledged(body=_NOTHING_EXPECTED)\n",
        f"{HTTP}/test_callbacks.py::test_elsewhere_nothing_is_stored_and_nobody_woken",
    ),
    Fault(
        "callback tokens are stored as they are",
        "application/tokens.py",
        "return hashlib.sha256(token.encode()).hexdigest()",
        "return token",
        f"{CASES}/test_prompts.py::test_only_the_hash_of_the_address_it_reports_to_is_stored",
    ),
    Fault(
        "what a stranger reports of a prompt is enough",
        "domain/confirming.py",
        "        return Rule.SAID_ONCE",
        "        return answer",
        f"{CASES}/test_prompts.py"
        "::TestSaidAgain::test_paid_said_once_without_a_callback_counts_for_nothing_yet",
    ),
    Fault(
        "a prompt that was ended while it was pushed is followed by another",
        f"{USE_CASES}/open_checkout.py",
        "        if run.gateway.flow is Flow.PROMPT:\n",
        "        if False:\n",
        f"{CASES}/test_clocks_ahead.py"
        "::test_a_prompt_that_is_declined_while_its_push_is_answered_is_followed_by_none",
    ),
    Fault(
        "a claim that was in doubt is sent though money came meanwhile",
        f"{USE_CASES}/open_checkout.py",
        "        if late or not mine.live or after.held_captures or unproven(after, self._clock.now()):\n",
        "        if late:\n",
        f"{CASES}/test_who_is_prompted.py"
        "::test_nobody_is_prompted_for_what_was_paid_while_the_commit_of_the_claim_was_in_doubt",
    ),
    Fault(
        "a prompt is timed out though its question had to wait",
        f"{USE_CASES}/sweep_payments.py",
        " and settled.answer.asked\n",
        "\n",
        f"{CASES}/test_who_is_prompted.py::test_a_prompt_that_nobody_was_asked_about_is_not_timed_out",
    ),
    Fault(
        "a prompt that a clock ahead timed out is forgotten",
        f"{USE_CASES}/replace_attempt.py",
        "            if attempt.prompted and self._may_be_paid(payment, attempt):\n",
        "            if False:\n",
        f"{CASES}/test_clocks_ahead.py"
        "::test_a_prompt_that_a_clock_ahead_timed_out_is_still_on_the_phone[prompts]",
    ),
)

WHETHER_IT_MATCHES: Final = (
    Fault(
        "the amount is not compared",
        "domain/taking_in.py",
        "    if not due or arrived < amount:",
        "    if arrived < amount:",
        f"{CASES}/test_matching.py::test_another_amount_is_held_and_neither_paid_nor_failed",
    ),
    Fault(
        "the currency is not compared",
        "domain/taking_in.py",
        "payment.amount)}) > 1:",
        "payment.amount)}) > 4:",
        f"{CASES}/test_matching.py::test_another_currency_is_held_and_shown_by_its_review_alone",
    ),
    Fault(
        "test money counts in live mode",
        "domain/settlement.py",
        " or answer.mode not in (None, attempt.mode)",
        "",
        f"{CASES}/test_matching.py::test_another_reference_or_the_other_mode_is_no_money_of_ours",
    ),
    Fault(
        "money under another reference counts",
        "domain/settlement.py",
        "return answer.reference not in (None, attempt.reference) or",
        "return",
        f"{CASES}/test_matching.py::test_another_reference_or_the_other_mode_is_no_money_of_ours",
    ),
    Fault(
        "one transaction counts for two attempts",
        "domain/taking_in.py",
        "        return Rule.KEY_TAKEN",
        "        return None",
        f"{CASES}/test_matching.py::test_a_transaction_that_counts_for_another_attempt_is_not_counted_twice",
        seen_as="DuplicateKey",
    ),
    Fault(
        "a fact that nobody attests is taken for granted",
        "domain/taking_in.py",
        "not missing <= bound or",
        "",
        f"{CASES}/test_matching.py::test_money_with_a_fact_unattested_proves_nothing",
    ),
    Fault(
        "less than what was asked for is enough for Paystack",
        "adapters/providers/paystack/mapping.py",
        "return (requested, arrived) if arrived > requested else (arrived, None)",
        "return requested, None",
        f"{PROVIDERS}/test_paystack_answers.py::test_what_was_asked_for_is_compared_and_what_arrived_is_captured",
    ),
    Fault(
        "cents are dropped for M-Pesa",
        "adapters/providers/mpesa/checkouts.py",
        " or not is_whole(amount):",
        ":",
        f"{PROVIDERS}/test_mpesa_checkouts.py"
        "::test_an_amount_that_mpesa_does_not_move_is_refused_before_any_call",
    ),
)

TWICE: Final = (
    Fault(
        "a prompt is sent twice",
        "adapters/providers/mpesa/checkouts.py",
        "        return checkout_of(answer)",
        "        if answer.status >= 500:\n"
        "            settings = self._api.settings\n"
        '            answer = await self._api.call("push", PATH, push_fields(request, settings, at))\n'
        "        return checkout_of(answer)",
        f"{PROVIDERS}/test_mpesa_checkouts.py"
        "::test_every_other_answer_is_one_of_three_errors_and_is_never_sent_again",
    ),
    Fault(
        "a second prompt follows one that may be on the phone",
        f"{USE_CASES}/replace_attempt.py",
        "        if until is not None and now < until:",
        "        if now < present.claimed_at:",
        f"{CASES}/test_prompts.py"
        "::TestALostAnswer::test_no_second_prompt_is_sent_while_the_first_may_be_on_the_phone",
    ),
    Fault(
        "a refund is sent again after an unknown answer",
        f"{USE_CASES}/send_refund.py",
        "    except OutcomeUnknown as trouble:\n",
        "    except OutcomeUnknown as trouble:\n"
        "        with __import__('contextlib').suppress(OutcomeUnknown):\n"
        "            return Heard(await refunds.request(request), to_our_request=True)\n",
        f"{CASES}/test_refunds.py::test_an_unknown_refund_is_asked_about_and_never_sent_again",
    ),
    Fault(
        "whoever did not commit a refund sends it, too",
        f"{USE_CASES}/send_refund.py",
        "        if not mine or provider.refunds is None:",
        "        if provider.refunds is None:",
        f"{CASES}/test_refunds_cut_off.py::test_of_many_who_bring_one_refund_on_one_sends_it",
    ),
    Fault(
        "more is refunded than was captured",
        "domain/refunding.py",
        "    if wanted.amount > left:",
        "    if wanted.amount > capture.amount:",
        f"{CASES}/test_refunds.py::test_refunds_never_exceed_the_capture_those_under_way_counted",
    ),
    Fault(
        "one person alone refunds above the limit",
        "domain/refunding.py",
        "    if same_person(approver, refund.actor):",
        "    if not approver:",
        f"{CASES}/test_refunds.py"
        "::test_above_the_limit_a_second_person_approves_and_the_amount_is_set_aside_meanwhile",
    ),
    Fault(
        "an idempotency key is ignored",
        f"{USE_CASES}/answer_once.py",
        "        if stands is not None and stands.holder != mine.holder:",
        "        if stands is not None and stands.expires_at < now:",
        f"{CASES}/test_answer_once.py::test_a_repeated_request_gets_the_stored_answer",
        seen_as="IdempotencyKeyInFlight",
    ),
    Fault(
        "another request under a used key gets its answer",
        f"{USE_CASES}/answer_once.py",
        "    if stands.fingerprint != fingerprint:",
        "    if not fingerprint:",
        f"{CASES}/test_answer_once.py::test_the_key_of_another_request_is_refused",
    ),
    Fault(
        "a collector's record counts again under the same id",
        f"{USE_CASES}/collect_cash.py",
        "            return self._same(known, payment)",
        "            attempt = cash_attempt(payment, self.record.reference)\n"
        "            return await self._apply(transaction, payment, attempt)",
        f"{CASES}/test_cash.py::test_the_same_record_again_is_answered_the_same_and_counts_once",
        seen_as="CollectionConflict",
    ),
    Fault(
        "another record under a used id is answered as the first",
        f"{USE_CASES}/collect_cash.py",
        "        if another or known.fingerprint != _fingerprint(self.record):",
        "        if another:",
        f"{CASES}/test_cash.py::test_the_same_id_with_another_body_is_a_conflict",
    ),
    Fault(
        "a paid order is paid again",
        f"{USE_CASES}/open_checkout.py",
        "    if payment.status is PaymentStatus.SUCCESS:",
        "    if payment.status is None:",
        f"{CASES}/test_initiate.py::test_a_paid_order_is_refused_before_the_orders_service_is_asked",
    ),
    Fault(
        "a payer is mailed twice about one attempt",
        "application/messages.py",
        "            if payment.attempt(event.reference).reopened_at is not None:",
        "            if payment.attempt(event.reference).reopened_at is payment:",
        f"{CASES}/test_messages.py::test_a_declined_attempt_is_mailed_about_once",
    ),
    Fault(
        "a message that is sent again has another id",
        f"{USE_CASES}/deliver_messages.py",
        "        after = await self._sent(message)",
        "        again = attrs.evolve(message, message_id=token)\n"
        "        after = attrs.evolve(await self._sent(again), message_id=message.message_id)",
        f"{CASES}/test_messages.py::test_a_process_that_died_with_a_message_in_hand_repeats_the_same_id",
    ),
)

FORGOTTEN: Final = (
    Fault(
        "a second payment is forgotten",
        "domain/taking_in.py",
        "        change = captured(payment, attempt, finding, Disposition.SURPLUS)\n",
        "        return Settlement(Change(payment), Rule.ALREADY_COUNTED)\n",
        f"{CASES}/test_matching.py::test_a_second_payment_of_a_settled_order_is_surplus_and_put_before_a_person",
    ),
    Fault(
        "late money on a superseded attempt is forgotten",
        "domain/taking_in.py",
        "        return orphan(payment, finding, refusal)\n    answer",
        "        return orphan(payment, finding, refusal)\n    if attempt.status is AttemptStatus.EXPIRED:\n"
        "        return Settlement(Change(payment), Rule.NO_LONGER_LIVE)\n    answer",
        f"{CASES}/test_initiate.py::test_late_money_on_a_superseded_attempt_settles_and_closes_the_new_page",
    ),
    Fault(
        "what was said to be paid is forgotten with the end of its watch",
        "domain/looking_again.py",
        "    open_question = rule in _SAYS_NOTHING or attempt.said_paid_at is not None\n",
        "    open_question = rule in _SAYS_NOTHING\n",
        f"{CASES}/test_prompts.py::TestSaidAgain"
        "::test_paid_said_once_of_a_prompt_that_had_ended_is_put_before_a_person",
    ),
    Fault(
        "a cancellation begins from the payment as it is shown",
        f"{USE_CASES}/cancel_payment.py",
        "self._get.kept(payment_id, user_id)",
        "self._get(payment_id, user_id)",
        "tests/integration/sql/test_what_is_shown_is_not_kept.py"
        "::test_cancelling_a_payment_writes_down_no_address_of_its_page",
    ),
    Fault(
        "on SQLite a unit of work is answered before the commit that was left to another",
        "adapters/sql/sqlite_turns.py",
        "        interrupted = await _done(group.ended) or interrupted\n",
        "        if not group.ended.done() and failed is None:\n            return\n",
        "tests/integration/sql/test_sqlite.py::test_a_commit_in_doubt_is_in_doubt_for_all_who_are_in_it",
    ),
    Fault(
        "success has a way out",
        "domain/transitions.py",
        "    (PaymentStatus.FAILED, happened.PaymentRetried): PaymentStatus.PROCESSING,\n",
        "    (PaymentStatus.FAILED, happened.PaymentRetried): PaymentStatus.PROCESSING,\n"
        "    (PaymentStatus.SUCCESS, happened.PaymentFailed): PaymentStatus.FAILED,\n",
        "tests/unit/domain/test_transitions.py::test_success_and_succeeded_have_no_way_out",
    ),
    Fault(
        "a report is acknowledged before it is on disk",
        f"{USE_CASES}/receive_callback.py",
        "        if not await self._unit_of_work.single.add_known_notice(notice):\n",
        "        import asyncio\n"
        "        writing = asyncio.ensure_future(self._unit_of_work.single.add_known_notice(notice))\n"
        "        writing.add_done_callback(lambda done: done.exception())\n"
        "        if False:\n",
        f"{CASES}/test_prompts.py::TestReportsThatLie::test_a_report_is_not_acknowledged_before_its_commit",
    ),
    Fault(
        "a notice is acknowledged before it is on disk",
        f"{USE_CASES}/receive_notice.py",
        "        if await self._unit_of_work.single.add_known_notice(notice):\n",
        "        import asyncio\n"
        "        writing = asyncio.ensure_future(self._unit_of_work.single.add_known_notice(notice))\n"
        "        writing.add_done_callback(lambda done: done.exception())\n"
        "        if True:\n",
        f"{CASES}/test_notices.py::test_a_notice_is_not_acknowledged_before_its_commit",
    ),
    Fault(
        "a notice is answered 200 while the store is down",
        "entrypoints/http/verify.py",
        "    except UnsupportedProvider as error:\n",
        "    except StorageError:\n"
        '        return json_answer(NoticeReceipt(status="stored"))\n'
        "    except UnsupportedProvider as error:\n",
        f"{HTTP}/test_verifying.py::TestNotices::test_what_could_not_be_stored_is_not_acknowledged",
    ),
    Fault(
        "a notice that is not confirmed is taken for handled",
        f"{USE_CASES}/process_notices.py",
        "                raise _NotOurTurn\n            return explained\n",
        '                raise _NotOurTurn\n            return explained or "handled"\n',
        f"{CASES}/test_notices.py"
        "::test_a_success_claim_that_is_not_confirmed_is_asked_again_at_lengthening_intervals",
    ),
    Fault(
        "money that was put to a page ends its watch",
        "domain/looking_again.py",
        "if c.reference == attempt.reference and not c.attached]",
        "if c.reference == attempt.reference]",
        f"{CASES}/test_attached_money.py::test_the_watch_of_a_page_goes_on_after_other_money_was_put_to_it",
    ),
    Fault(
        "a refund of money that was put to a page takes the page's own",
        "domain/capture.py",
        "return None if self.attached else self.reference",
        "return self.reference",
        f"{CASES}/test_attached_money.py::test_a_refund_of_attached_money_never_takes_the_pages_own",
    ),
    Fault(
        "one receipt pays two orders",
        "application/attesting.py",
        "    if holder is None and answer.capture_key:\n",
        "    if False:\n",
        f"{CASES}/test_names_of_money.py::test_one_receipt_pays_one_order",
    ),
    Fault(
        "recorded money counts again under its provider's name",
        "domain/same_money.py",
        "c.vouched is Vouched.RECORDED and c.amount in meant",
        "False and c.amount in meant",
        f"{CASES}/test_names_of_money.py"
        "::test_what_a_person_recorded_by_another_name_than_its_provider_attests_is_counted_once",
    ),
    Fault(
        "what was just said to be paid is given up",
        "domain/watching.py",
        "now >= attempt.watch_until and not said_paid:",
        "now >= attempt.watch_until:",
        f"{CASES}/test_at_the_end_of_a_watch.py"
        "::test_what_is_said_to_be_paid_at_the_look_that_gives_up_is_made_sure_of_at_once",
    ),
    Fault(
        "money that came meanwhile is recorded again",
        "domain/same_money.py",
        "if finding.vouched is Vouched.RECORDED:",
        "if False:",
        f"{CASES}/test_recorded_meanwhile.py"
        "::test_money_that_came_while_the_question_was_open_is_not_recorded_again",
    ),
    Fault(
        "what a person recorded is asked again because of an older report",
        f"{USE_CASES}/process_notices.py",
        "locked is not None and _is_answered(locked, after, callbacks)",
        "False",
        f"{CASES}/test_recorded_meanwhile.py"
        "::test_what_was_reported_before_a_person_recorded_the_money_is_not_asked_afterwards",
    ),
    Fault(
        "an answer ends the looks for what went back",
        "domain/watching.py",
        "return min(now + max(HOURLY, now - began), until)",
        "return None",
        f"{CASES}/test_the_rest_of_the_money.py"
        "::test_no_answers_but_the_day_ends_the_looks_for_what_went_back",
    ),
    Fault(
        "the provider's own name of what a person recorded is not learnt",
        "domain/taking_in.py",
        "change = Change(payment.with_attempt(learnt(attempt, finding)))\n        amounts",
        "change = Change(payment)\n        amounts",
        f"{CASES}/test_names_of_money.py"
        "::test_recorded_money_is_offered_for_no_second_attempt_once_its_provider_told_its_name",
    ),
    Fault(
        "a refund that waited is sent though nobody could be asked about it",
        f"{USE_CASES}/send_refund.py",
        "None if answer.outcome is RefundOutcome.NOT_FOUND",
        "None if answer.outcome in (RefundOutcome.NOT_FOUND, RefundOutcome.NOTHING)",
        f"{CASES}/test_stories_of_a_ninth_reading.py"
        "::test_a_refund_is_not_sent_again_because_nobody_could_be_asked_whether_it_had_been",
    ),
    Fault(
        "one refund explains every notice that money went back",
        f"{USE_CASES}/process_notices.py",
        "return len(told) >= len(went)",
        "return False",
        f"{CASES}/test_stories_of_a_ninth_reading.py"
        "::test_a_refund_of_ours_explains_one_notice_and_not_the_next_that_money_went_back",
    ),
    Fault(
        "a policy sends back what a person recorded on another attempt",
        "application/applying.py",
        "return any(c.vouched is Vouched.RECORDED for c in payment.captures)",
        "return False",
        f"{CASES}/test_stories_of_a_ninth_reading.py"
        "::test_no_policy_sends_back_the_only_money_of_a_payment_that_a_person_recorded_elsewhere",
    ),
    Fault(
        "held money fails its attempt",
        "domain/no_money.py",
        "if not attempt.live or payment.holds_own_money(attempt.reference):\n        said",
        "if not attempt.live:\n        said",
        f"{CASES}/test_stories_of_a_ninth_reading.py"
        "::test_a_refused_delivery_whose_short_cash_is_held_is_not_told_as_failed_with_nothing_paid",
    ),
    Fault(
        "a question about something else swallows a notice",
        "application/notice_subjects.py",
        'return f"{about}:{claim.value}" if of_its_own else about',
        "return about",
        f"{CASES}/test_stories_of_a_ninth_reading.py"
        "::test_a_question_about_a_failure_is_not_the_answer_to_a_notice_of_money",
    ),
    Fault(
        "money under another name ends the watch of a prompt's own",
        "domain/taking_in.py",
        "return watched_for_its_own_name(change, attempt.reference, now=finding.now)",
        "return change",
        f"{CASES}/test_own_names_and_clocks.py::test_a_watch_that_was_over_begins_again_for_the_own_name",
    ),
    Fault(
        "a prompt gives way while its question waits for a turn",
        f"{USE_CASES}/replace_attempt.py",
        "            until += SAID_LATELY",
        "            until += 0 * SAID_LATELY",
        f"{CASES}/test_who_is_prompted.py"
        "::test_nobody_is_prompted_again_while_the_question_about_the_first_waits_for_its_turn",
    ),
    Fault(
        "paid news that is refused is put before nobody",
        f"{USE_CASES}/deliver_messages.py",
        "        if not await self._refused_money(after):\n",
        "        if True:\n",
        f"{CASES}/test_messages.py::test_a_message_refused_for_good_is_parked_and_paid_is_put_before_a_person",
    ),
    Fault(
        "a message is given up after some tries",
        f"{USE_CASES}/deliver_messages.py",
        "            again = self._clock.now() + _wait(message.message_id, tries, failure.retry_after_s)\n",
        "            again = self._clock.now() + _wait(message.message_id, tries, None)\n"
        "            again = None if tries > 9 else again\n",
        f"{CASES}/test_messages.py"
        "::test_while_the_orders_service_is_down_the_same_bytes_are_tried_for_ever_and_told_once",
    ),
    Fault(
        "the sequence of an order does not rise",
        "application/messages.py",
        "        sequence=sequence,\n",
        "        sequence=1000 - sequence,\n",
        f"{CASES}/test_messages.py::test_each_message_carries_the_next_sequence_of_its_order",
    ),
    Fault(
        "the audit trail is no chain",
        "application/recording.py",
        "        previous_hash=change.payment.trail,\n",
        '        previous_hash="",\n',
        f"{CASES}/test_check.py::test_each_entry_of_the_trail_names_the_hash_of_the_one_before",
    ),
)

PEOPLE: Final = (
    Fault(
        "a foreign payment is shown",
        f"{USE_CASES}/get_payment.py",
        " or user_id not in (None, payment.payer):",
        ":",
        f"{HTTP}/test_authorisation.py"
        "::test_absent_foreign_and_malformed_payments_are_answered_byte_for_byte_alike",
    ),
    Fault(
        "an order is paid by somebody else",
        f"{USE_CASES}/initiate_payment.py",
        "        if order is None or order.user_id != user_id or foreign:",
        "        if order is None or foreign:",
        f"{CASES}/test_initiate.py::test_absent_and_foreign_orders_are_refused_alike",
    ),
    Fault(
        "a token for another service is admitted",
        "entrypoints/http/auth.py",
        '"verify_aud": self._audience is not None}',
        '"verify_aud": False}',
        f"{HTTP}/test_forged_tokens.py::test_no_forged_token_passes_and_all_get_one_answer",
    ),
    Fault(
        "an RSA key that can be factored is taken for callers' tokens",
        "entrypoints/http/auth.py",
        "prepared.key_size < _LEAST_RSA_BITS:",
        "False:",
        "tests/integration/test_command_line.py::"
        "test_a_public_key_that_is_too_weak_or_on_another_curve_is_refused_with_a_remedy",
    ),
    Fault(
        "a password in an address that everybody knows is taken in live mode",
        "adapters/environment.py",
        '            self.refuse_guessable(name, password, "Its password")\n',
        "            pass\n",
        "tests/unit/test_settings.py::"
        "test_live_mode_refuses_a_password_in_an_address_that_everybody_can_guess",
    ),
    Fault(
        "a pipelined request is logged under the payment of the one before it",
        "entrypoints/http/middleware.py",
        "        unbind_contextvars(*BOUND.intersection(before))\n",
        "",
        f"{HTTP}/test_every_request.py::TestItsLogLine::"
        "test_what_one_request_bound_does_not_stick_to_what_was_pipelined_behind_it",
    ),
    Fault(
        "a key that is replaced is believed for what it signed before",
        "entrypoints/http/auth.py",
        "await self._present_key(known.key_id) is known.key:",
        "await self._present_key(known.key_id):",
        f"{HTTP}/test_known_tokens.py::"
        "test_a_key_that_is_withdrawn_or_replaced_is_not_believed_for_what_it_signed_before",
    ),
    Fault(
        "a token that was good once is good for ever",
        "entrypoints/http/auth.py",
        "return Caller(known.user, known.scopes) if in_time else None",
        "return Caller(known.user, known.scopes)",
        f"{HTTP}/test_known_tokens.py::test_a_token_that_was_good_is_refused_once_it_has_ended",
    ),
    Fault(
        "a payer collects their own cash",
        f"{USE_CASES}/collect_cash.py",
        "            raise CollectorIsPayer\n",
        "            pass\n",
        f"{CASES}/test_cash.py::test_nobody_collects_their_own_cash",
    ),
    Fault(
        "any delivery code is right",
        f"{USE_CASES}/collect_cash.py",
        "        return hmac.compare_digest(given.encode(), right.encode())",
        "        return bool(given and right)",
        f"{CASES}/test_cash.py::test_a_wrong_code_counts_and_stores_no_money",
    ),
    Fault(
        "a delivery code may be guessed without end",
        "domain/collection.py",
        "MOST_WRONG_CODES: Final = 5",
        "MOST_WRONG_CODES: Final = 1_000_000",
        f"{CASES}/test_cash.py::test_the_fifth_wrong_code_locks_it_and_asks_a_person",
    ),
    Fault(
        "a phone stands in the log",
        "entrypoints/logging.py",
        "|email|phone|phone_number)",
        "|email)",
        "tests/unit/entrypoints/test_logging.py::test_a_field_named_like_a_secret_is_masked",
    ),
    Fault(
        "a phone stands on the page",
        "application/masking.py",
        '    return "*" * (len(digits) - _SHOWN) + digits[-_SHOWN:]',
        "    return digits",
        f"{HTTP}/test_payer_page.py::test_the_page_for_a_prompt_masks_the_phone",
    ),
    Fault(
        "a copied cookie outlives its visit",
        "entrypoints/console/signing_in.py",
        "    await desk.visits.end(here.visit)\n",
        "",
        f"{CONSOLE}/test_ended_visits.py::test_a_copy_of_the_cookie_is_refused_once_its_visit_was_signed_out",
    ),
    Fault(
        "a redirect is followed",
        "adapters/http_wire.py",
        "allow_redirects=False",
        "allow_redirects=True",
        "tests/integration/test_http_client.py::test_a_redirect_is_an_answer_and_is_not_followed",
    ),
    Fault(
        "any certificate is believed",
        "adapters/http_client.py",
        "httpx.create_ssl_context(verify=True,",
        "httpx.create_ssl_context(verify=False,",
        "tests/integration/test_http_client.py::test_a_certificate_nobody_vouches_for_means_that_nothing_was_sent",
    ),
)

FAULTS: Final = (
    *THE_STORE,
    *WHAT_WE_DO_NOT_KNOW,
    *WHO_SAYS_SO,
    *WHETHER_IT_MATCHES,
    *TWICE,
    *FORGOTTEN,
    *PEOPLE,
)
