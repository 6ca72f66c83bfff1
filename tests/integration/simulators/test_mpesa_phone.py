"""Checklist row 5, from the payer's side: the pages of the virtual phone."""

import asyncio
import re

import httpx
import pytest
from playwright.async_api import Browser, async_playwright

from tests.browsing import STARTS_WITHIN_MS, expect
from tests.integration.simulators.daraja import PHONE, Daraja, said
from tests.integration.simulators.test_chapa_checkout_page import Addresses

pytestmark = pytest.mark.anyio

HERE = f"/phone/{PHONE}/"


async def screen(daraja: Daraja) -> str:
    page = await daraja.client.get(HERE)
    assert page.status_code == 200
    return page.text


async def tap(daraja: Daraja, prompt: str, answer: str, pin: str = "1234") -> httpx.Response:
    form = {"prompt": prompt, "answer": answer, "pin": pin}
    return await daraja.client.post(f"{HERE}answer", data=form)


async def test_the_phone_shows_the_prompt_and_needs_nothing_from_elsewhere(daraja: Daraja) -> None:
    assert "No prompt." in await screen(daraja)
    await daraja.prompted(Amount="1500")
    text = await screen(daraja)
    assert "Do you want to pay Ksh1,500.00 to PAYMENTS SANDBOX Account no. ORDER17?" in text
    addresses = Addresses()
    addresses.feed(text)
    assert addresses.scripts == 0
    assert all(address.startswith(("/", "data:")) for address in addresses.found)
    assert "style=" not in text
    for address in re.findall(r'href="(/static/[^"]+)"', text):
        assert (await daraja.client.get(address)).status_code == 200


async def test_the_list_leads_to_the_phone_that_rings(daraja: Daraja) -> None:
    await daraja.prompted(PhoneNumber="254110345678")
    await daraja.switch(PHONE, line="unreachable", unreachable_after_s=3000)
    await daraja.prompted()
    listed = (await daraja.client.get("/phone/")).text
    before, _, after = listed.partition("Earlier")
    assert "/phone/254110345678/" in before
    assert HERE not in before
    assert HERE in after
    assert "No prompt." in await screen(daraja)


@pytest.mark.parametrize("typed", ["0722 000 126", "254722000126", "+254 722-000-126"])
async def test_a_number_can_be_opened_as_it_is_written(daraja: Daraja, typed: str) -> None:
    found = await daraja.client.get("/phone/", params={"number": typed})
    assert (found.status_code, found.headers["location"]) == (303, HERE)


@pytest.mark.parametrize(
    ("answer", "pin", "code", "message"),
    [
        ("approve", "1234", "0", "Confirmed. Ksh100.00 sent to PAYMENTS SANDBOX for account ORDER17"),
        ("approve", "9999", "2001", "You have entered the wrong PIN"),
        ("wrong_pin", "", "2001", "You have entered the wrong PIN"),
        ("low_balance", "", "1", "You do not have enough money"),
        ("cancel", "", "1032", None),
    ],
)
async def test_an_answer_is_told_to_the_shop_and_by_sms_to_the_payer(
    daraja: Daraja, answer: str, pin: str, code: str, message: str | None
) -> None:
    prompt = await daraja.prompted()
    assert (await tap(daraja, prompt, answer, pin)).headers["location"] == HERE
    assert (await daraja.ended(prompt))["code"] == code
    assert str(said((await daraja.told(1))[0])["ResultCode"]) == code
    text = await screen(daraja)
    assert "No prompt." in text
    if message is None:
        assert "Messages" not in text
    else:
        assert message in text


async def test_a_pin_has_four_digits(daraja: Daraja) -> None:
    prompt = await daraja.prompted()
    refused = await tap(daraja, prompt, "approve", "12a4")
    assert refused.status_code == 400
    assert "A PIN has four digits." in refused.text
    assert (await daraja.prompt(prompt))["state"] == "live"


async def test_a_prompt_that_is_ignored_stays_until_it_closes(daraja: Daraja) -> None:
    prompt = await daraja.prompted()
    await tap(daraja, prompt, "ignore")
    assert "You let it lie." in await screen(daraja)
    assert (await tap(daraja, prompt, "approve")).status_code == 303
    assert (await daraja.ended(prompt))["code"] == "0"


async def test_a_double_tap_pays_once(daraja: Daraja) -> None:
    prompt = await daraja.prompted()
    taps = await asyncio.gather(*(tap(daraja, prompt, "approve") for _ in range(6)))
    assert sorted(one.status_code for one in taps) == [303] + [409] * 5
    await daraja.told(1)
    assert len(await daraja.listed("payments")) == 1


async def test_a_tap_on_another_phones_prompt_does_nothing(daraja: Daraja) -> None:
    prompt = await daraja.prompted(PhoneNumber="254110345678")
    await tap(daraja, prompt, "approve")
    assert (await daraja.prompt(prompt))["state"] == "live"


async def test_the_settings_of_a_phone_are_switches_of_its_number(daraja: Daraja) -> None:
    await daraja.client.post(f"{HERE}settings", data={"line": "busy", "answer": "cancel"})
    text = await screen(daraja)
    assert '<option value="busy" selected>' in text
    assert (await daraja.push()).json()["errorMessage"].startswith("Unable to lock subscriber")
    await daraja.client.post(f"{HERE}settings", data={"line": "good", "answer": "cancel"})
    assert (await daraja.ended(await daraja.prompted()))["code"] == "1032"
    wrong = await daraja.client.post(f"{HERE}settings", data={"line": "dead", "answer": "cancel"})
    assert wrong.status_code == 400


async def test_what_the_shop_wrote_is_escaped(daraja: Daraja) -> None:
    await daraja.prompted(AccountReference="<>&'")
    assert "&lt;&gt;&amp;&#39;" in await screen(daraja)
    assert (await daraja.client.get("/phone/12345/")).status_code == 404


async def test_the_overview_lists_the_prompts(daraja: Daraja) -> None:
    receipt = await daraja.paid()
    page = (await daraja.client.get("/")).text
    assert receipt in page
    assert HERE in page


async def pay_on_a_phone(browser: Browser, daraja: Daraja) -> set[str]:
    """Open the list, approve the prompt there, and return the hosts that were asked for anything."""
    context = await browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = await context.new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    await page.goto(f"{daraja.url}/phone/")
    await page.get_by_role("link", name=PHONE).click()
    await expect(page.get_by_text("Do you want to pay Ksh100.00")).to_be_visible()
    await page.get_by_label("PIN").fill("1234")
    await page.get_by_role("button", name="Send").click()
    await daraja.told(1)
    await page.goto(f"{daraja.url}{HERE}")
    await expect(page.get_by_text("Confirmed. Ksh100.00 sent")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await context.close()
    return hosts


@pytest.mark.browser
@pytest.mark.stories
async def test_a_person_pays_on_a_real_screen(daraja: Daraja, chromium_path: str) -> None:
    await daraja.prompted()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"], timeout=STARTS_WITHIN_MS
        )
        hosts = await pay_on_a_phone(browser, daraja)
        await browser.close()
    assert hosts == {daraja.url.removeprefix("http://")}


@pytest.mark.parametrize("code", ["1037", "1019"])
async def test_a_prompt_that_nobody_answered_in_time_says_so_and_that_nothing_was_paid(
    daraja: Daraja, code: str
) -> None:
    await daraja.switch(prompt_life_s=5, unanswered_code=code)
    await daraja.ended(await daraja.prompted())

    text = await screen(daraja)

    assert "The prompt has timed out: nobody answered it, and nothing was paid." in text
    await daraja.switch(prompt_life_s=3000)
    prompt = await daraja.prompted()
    assert "has timed out" not in await screen(daraja)
    await tap(daraja, prompt, "cancel")
    assert "has timed out" not in await screen(daraja)
