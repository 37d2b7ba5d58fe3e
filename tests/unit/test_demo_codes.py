"""Personal codes of the reference register."""

from datetime import date

from deploy.registers.codes import check_digit, numbered, personal_code


def test_check_digit_of_a_published_example():
    assert check_digit("3760503029") == 9


def test_second_round_where_the_first_gives_ten():
    assert (check_digit("3000101018"), check_digit("3000101031")) == (7, 1)


def test_zero_where_both_rounds_give_ten():
    assert check_digit("3000101006") == 0


def test_code_tells_century_sex_and_birth():
    assert personal_code(date(1995, 3, 14), "female", 25)[:10] == "4950314025"
    assert personal_code(date(2001, 12, 1), "male", 7)[:10] == "5011201007"


def test_numbered_closes_with_the_check_digit():
    assert numbered("3760503", 29) == "37605030299"
