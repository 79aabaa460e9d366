"""Names of a sweep's configurations by what varies."""

from __future__ import annotations

from made_records import make_config

from poolscope.spec.varying import find_factors, find_varying, list_values, name_configs


def test_keys_that_follow_from_others_are_no_factors() -> None:
    configs = [make_config("max", data="mnist"), make_config("lp", data="cifar10", pool__p=3.0)]
    configs[1].optim.learning_rate = 0.25
    values = list_values(configs)
    assert find_varying(values) == ["data.name", "pool.name", "pool.p", "optim.learning_rate"]
    assert find_factors(values) == ["data.name"]
    assert find_varying(values, ignoring=["data.name"]) == ["pool.name", "pool.p", "optim.learning_rate"]


def test_names_are_short() -> None:
    configs = [
        make_config("max", optim__learning_rate=rate, model__width=width) for rate, width in ((0.5, 4), (2.0, 8))
    ]
    assert name_configs(configs) == ["mnist max width=4", "mnist max width=8"]
    rates = [
        make_config("max", pool__stride=stride, optim__learning_rate=rate)
        for stride, rate in ((None, 1e-5), (3, 1e-5), (3, 0.5))
    ]
    names = ["mnist max stride=default lr=1e-05", "mnist max stride=3 lr=1e-05", "mnist max stride=3 lr=0.5"]
    assert name_configs(rates) == names
    assert name_configs([make_config("max", optim__name=name) for name in ("sgd", "adam")])[1] == "mnist max optim=adam"
    assert name_configs(configs[:1]) == ["mnist max"]
