from shared.http1.crowd import Crowd


def test_one_address_has_so_many_and_another_is_not_kept_out() -> None:
    crowd = Crowd(2)
    assert [crowd.enters(each, "10.0.0.1") for each in "abc"] == [True, True, False]
    assert crowd.enters("d", "10.0.0.2")
    crowd.leaves("c")
    assert not crowd.enters("c", "10.0.0.1"), "one that was never in makes no room"
    crowd.leaves("a")
    crowd.leaves("a")
    assert [crowd.enters(each, "10.0.0.1") for each in "ce"] == [True, False]


def test_this_machine_is_not_counted_and_no_bound_is_none() -> None:
    assert all(Crowd(1).enters(each, "127.0.0.1") for each in range(9))
    crowd = Crowd(0)
    assert all(crowd.enters(each, "10.0.0.1") for each in range(9))
