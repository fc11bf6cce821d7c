"""How a client's last messages ended."""

from tutti.endings import EACH, KEPT, Endings


def test_of_the_last_ones_it_is_known():
    endings = Endings()
    for number in range(3 * KEPT + 7):
        endings.add(str(number), number % 3 != 0)
        assert str(number) in endings
        assert number < KEPT or str(number - KEPT + 1) in endings
    last = range(2 * KEPT + 8, 3 * KEPT + 7)
    assert len(last) == KEPT - 1
    assert endings.of(map(str, last)) == {str(n): n % 3 != 0 for n in last}


def test_of_others_it_is_not():
    endings = Endings()
    for number in range(4 * KEPT):
        endings.add(str(number), True)
    assert "0" not in endings and "next" not in endings
    assert endings.of(["0", "next"]) == {}
    assert len(endings.of(map(str, range(4 * KEPT)))) <= KEPT + EACH
    endings.clear()
    assert str(4 * KEPT - 1) not in endings
