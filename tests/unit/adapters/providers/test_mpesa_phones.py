"""Phones (vectors V2 of the fact sheet)."""

import pytest

from payments.adapters.providers.mpesa.phones import MpesaPhones
from payments.domain.errors import InvalidRequest


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("0712345678", "254712345678"),
        ("712345678", "254712345678"),
        ("+254 712-345-678", "254712345678"),
        ("00254712345678", "254712345678"),
        ("0112345678", "254112345678"),
        ("112345678", "254112345678"),
        ("+254 110 345 678", "254110345678"),
        ("254712345678", "254712345678"),
        ("(0712) 345.678", "254712345678"),
    ],
)
def test_a_kenyan_mobile_number_has_one_spelling(written: str, normal: str) -> None:
    assert MpesaPhones().normal(written) == normal


@pytest.mark.parametrize(
    "written",
    [
        "2540712345678",
        "25407123456",
        "254812345678",
        "0812345678",
        "071234567",
        "07123456789",
        "+255712345678",
        "+251911223344",
        "0200123456",
        "",
        None,
        "abc",
        "True",
        "٠٧١٢٣٤٥٦٧٨",
        "0712345678\n9",
        "++254712345678",
    ],
)
def test_everything_else_is_refused_by_the_name_of_its_field(written: str | None) -> None:
    with pytest.raises(InvalidRequest) as raised:
        MpesaPhones().normal(written)
    assert [error.pointer for error in raised.value.errors] == ["/phone_number"]
