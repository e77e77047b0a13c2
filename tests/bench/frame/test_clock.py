"""The clock of all time to quality."""

from frame.clock import train


def test_training_is_timed_without_the_looks():
    spent = train(lambda index, share: sum(range(20_000)), lambda: 0.5, 0.05, [0.02])
    assert [row[1] for row in spent] == [0.5, 0.5]
    assert 0.02 <= spent[0][0] < 0.05 <= spent[1][0]
    assert all(wall > 0 for _, _, wall in spent)
