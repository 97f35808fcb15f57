"""The real pynvml against a small driver library whose moods are known."""

from __future__ import annotations

import ctypes.util
import sys

import pytest

from copilot_analytics.live.gpu_sampler import GpuSampler

ONE_SAMPLE = "s = GpuSampler(clock); answer = [told(s.sample()), s.state, s.available]; s.close()"
EVERYTHING = {
    "gpu_memory_used_mib", "gpu_memory_total_mib", "gpu_memory_reserved_mib",
    "gpu_utilization_pct", "gpu_memory_utilization_pct", "gpu_temperature_c", "gpu_power_w",
    "gpu_power_limit_w", "gpu_throttle_thermal", "gpu_throttle_power", "gpu_ecc_uncorrected",
    "gpu_processes",
}  # fmt: skip


def metrics(sample):
    return set(sample) - {"time", "facts"}


def test_two_devices_answer_everything(driver):
    (first, second), state, available = driver.run(ONE_SAMPLE)
    assert metrics(first) == metrics(second) == EVERYTHING
    assert first["facts"] == {"uuid": "GPU-00000000-aaaa", "index": 0, "name": "Fake GPU 0"}
    assert second["facts"]["uuid"] == "GPU-00000000-bbbb"
    assert first["time"] == 1000.0
    assert first["gpu_memory_used_mib"] == 1000.0
    assert first["gpu_memory_total_mib"] == 16384.0
    assert first["gpu_memory_reserved_mib"] == 300.0
    assert (first["gpu_utilization_pct"], second["gpu_utilization_pct"]) == (90.0, 91.0)
    assert (first["gpu_power_w"], first["gpu_power_limit_w"]) == (250.5, 300.0)
    assert (first["gpu_throttle_thermal"], first["gpu_throttle_power"]) == (0.0, 1.0)
    assert first["gpu_ecc_uncorrected"] == first["gpu_processes"] == 0.0
    assert (state, available) == ("2 GPUs", True)


def test_memory_is_read_anew_each_time(driver):
    code = "s = GpuSampler(clock); answer = [told(s.sample())[1] for _ in range(3)]"
    levels = [sample["gpu_memory_used_mib"] for sample in driver.run(code)]
    assert levels == [1000.0, 1064.0, 1128.0]


@pytest.mark.parametrize(
    ("function", "missing"),
    [
        ("nvmlDeviceGetMemoryInfo_v2", {n for n in EVERYTHING if "memory" in n and "_mib" in n}),
        ("nvmlDeviceGetUtilizationRates", {"gpu_utilization_pct", "gpu_memory_utilization_pct"}),
        ("nvmlDeviceGetTemperature", {"gpu_temperature_c"}),
        ("nvmlDeviceGetPowerUsage", {"gpu_power_w"}),
        ("nvmlDeviceGetEnforcedPowerLimit", {"gpu_power_limit_w"}),
        ("nvmlDeviceGetCurrentClocksEventReasons", {"gpu_throttle_thermal", "gpu_throttle_power"}),
        ("nvmlDeviceGetTotalEccErrors", {"gpu_ecc_uncorrected"}),
        ("nvmlDeviceGetComputeRunningProcesses_v3", {"gpu_processes"}),
        ("nvmlDeviceGetMigMode", set()),
        ("nvmlDeviceGetHandleByUUID", set()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("code", [3, 4, 999])  # NotSupported, NoPermission, Unknown
def test_each_metric_degrades_alone(driver, function, missing, code):
    (first, second), _, available = driver.run(ONE_SAMPLE, fail=f"{function}={code}@0/0")
    assert metrics(first) == EVERYTHING - missing
    assert metrics(second) == EVERYTHING
    assert not {"lost", "telemetry_lost"} & set(first["facts"])
    assert available


def test_functions_that_an_old_driver_lacks(old_driver):
    (first, _), _, _ = old_driver.run(ONE_SAMPLE, pids="12")
    assert first.get("gpu_processes", 1.0) == 1.0  # old bindings know no older call
    assert metrics(first) | {"gpu_processes"} == EVERYTHING - {"gpu_memory_reserved_mib"}
    assert first["gpu_memory_used_mib"] == 1300.0  # the reserved part is in it
    assert (first["gpu_throttle_thermal"], first["gpu_throttle_power"]) == (1.0, 0.0)


@pytest.mark.parametrize("code", [3, 13])
def test_a_device_that_supports_nothing_is_still_there(driver, code):
    only = ";".join(
        f"nvmlDeviceGet{name}={code}@0"
        for name in (
            "MemoryInfo", "MemoryInfo_v2", "UtilizationRates", "Temperature", "PowerUsage",
            "EnforcedPowerLimit", "CurrentClocksEventReasons", "CurrentClocksThrottleReasons",
            "TotalEccErrors", "ComputeRunningProcesses_v3", "ComputeRunningProcesses_v2",
            "MigMode", "Name",
        )
    )  # fmt: skip
    (first, _), state, available = driver.run(ONE_SAMPLE, fail=only)
    assert metrics(first) == set()
    assert first["facts"] == {"uuid": "GPU-00000000-aaaa", "index": 0}
    assert (state, available) == ("2 GPUs", True)


def test_answers_that_mean_unknown_are_left_out(driver):
    code = "s = GpuSampler(clock, pids=[12]); answer = told(s.sample())"
    first, second = driver.run(code, blank="1", pids="12")
    assert metrics(first) == metrics(second) == {"gpu_processes"}
    assert (first["gpu_processes"], second["gpu_processes"]) == (1.0, 0.0)


def test_only_heat_counts_as_thermal(driver):
    for bits, thermal, power in (("0x0", 0, 0), ("0x20", 1, 0), ("0x40", 1, 0), ("0x84", 0, 1)):
        (first, _), _, _ = driver.run(ONE_SAMPLE, throttle=bits)
        assert (first["gpu_throttle_thermal"], first["gpu_throttle_power"]) == (thermal, power)


def test_a_lost_gpu_is_told_once_and_the_other_goes_on(driver):
    code = """
s = GpuSampler(clock)
answer = []
for _ in range(4):
    answer.append([told(s.sample()), s.state])
    clock.now += 1
"""
    rounds = driver.run(code, fail="nvmlDeviceGetTemperature=15@2/0")
    lost = [[sample["facts"].get("lost", False) for sample in told] for told, _ in rounds]
    assert lost == [[False, False], [False, False], [True, False], [False]]
    assert metrics(rounds[2][0][0]) == set()
    assert rounds[3][0][0]["facts"]["index"] == 1
    assert rounds[3][1] == "2 GPUs; GPU 0 is lost"


def test_a_device_that_comes_back_is_read_again(driver):
    code = """
s = GpuSampler(clock)
answer = []
for _ in range(30):
    answer.append([(r.facts["index"], r.facts.get("lost", False)) for r in s.sample()])
    clock.now += 2
"""
    rounds = driver.run(code, fail="nvmlDeviceGetTemperature=15@2+2/0")
    of_first = [lost for told in rounds for index, lost in told if index == 0]
    # Read twice, lost, asked in vain after 10 s, and read again 20 s later.
    assert of_first[:4] == [False, False, True, False]
    assert [bool(told) and told[0][0] == 0 for told in rounds].index(True, 3) == 17


def test_lost_telemetry_is_said_and_asked_for_ever_more_rarely(driver):
    code = """
s = GpuSampler(clock)
answer = {"first": told(s.sample()), "tries": []}
os.environ["FAKE_NVML_FAIL"] = "*=999@0"
clock.now += 10
answer["gone"] = told(s.sample())
answer["state"] = [s.state, s.available]
import pynvml
real = pynvml.nvmlInit
def counted():
    answer["tries"].append(clock.now - 1010)
    real()
pynvml.nvmlInit = counted
for _ in range(400):
    clock.now += 5
    if clock.now == 1010 + 1500:
        os.environ["FAKE_NVML_FAIL"] = ""
    s.sample()
answer["back"] = [len(s.sample()), s.state]
"""
    found = driver.run(code)
    assert len(found["first"]) == 2
    assert [s["facts"]["telemetry_lost"] for s in found["gone"]] == [True, True]
    assert all(metrics(sample) == set() for sample in found["gone"])
    assert found["state"][0].startswith("telemetry lost")
    assert found["state"][1] is False
    assert found["tries"] == [10, 30, 70, 150, 310, 630, 1230, 1830]
    assert found["back"] == [2, "2 GPUs"]


def test_a_clock_that_is_set_back_does_not_put_off_the_next_try(driver):
    code = """
s = GpuSampler(clock)
s.sample()
first = s.state
os.environ["FAKE_NVML_FAIL"] = ""
clock.now -= 7200
answer = [first, len(s.sample())]
"""
    assert driver.run(code, fail="nvmlInitWithFlags=9@0") == ["the NVIDIA driver is not loaded", 2]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9, "the NVIDIA driver is not loaded"),
        (18, "the NVIDIA driver was upgraded"),
        (999, "telemetry lost"),
        (4, "permits no access"),
        (77, "error 77"),
    ],
)
@pytest.mark.parametrize("function", ["nvmlInitWithFlags", "nvmlDeviceGetCount_v2"])
def test_a_driver_that_does_not_start_says_why(driver, function, code, words):
    samples, state, available = driver.run(ONE_SAMPLE, fail=f"{function}={code}@0")
    assert samples == []
    assert words in state
    assert available is False


@pytest.mark.skipif(
    ctypes.util.find_library("nvidia-ml") is not None, reason="a driver is installed here"
)
def test_without_a_library_nothing_is_said_and_nothing_raised():
    sampler = GpuSampler()
    assert sampler.sample() == []
    assert "no NVIDIA driver" in sampler.state
    sampler.close()
    assert sampler.sample() == []


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    sampler = GpuSampler()
    assert sampler.sample() == []
    assert "pip install nvidia-ml-py" in sampler.state


def test_memory_of_the_watched_process(driver):
    code = """
s = GpuSampler(clock, pids=[34, 35])
answer = told(s.sample())
os.environ["FAKE_NVML_PIDS"] = "12"
answer += told(s.sample())
"""
    first, second, later, _ = driver.run(code, pids="12,34,35")
    assert first["gpu_processes"] == 3.0
    assert first["gpu_process_memory_mib"] == 2000.0
    assert first["facts"]["pid"] == 34
    assert "gpu_process_memory_mib" not in second  # it was never seen there: unknown, not zero
    assert later["gpu_process_memory_mib"] == 0.0  # it was, and is no more: zero


def test_a_process_of_another_numbering_is_unknown(driver):
    (first, _) = driver.run("s = GpuSampler(clock, pids=[7]); answer = told(s.sample())", pids="12")
    assert "gpu_process_memory_mib" not in first
    assert "pid" not in first["facts"]


def test_a_split_device_has_parts_and_no_utilisation(driver):
    (whole, one, two, other), state, _ = driver.run(ONE_SAMPLE, mig="1")
    assert whole["facts"]["mig"] is True
    assert "gpu_utilization_pct" not in whole
    assert whole["gpu_temperature_c"] == 61.0
    assert [p["facts"]["uuid"] for p in (one, two)] == ["MIG-00000000-aa01", "MIG-00000000-aa02"]
    assert one["facts"]["parent"] == whole["facts"]["uuid"]
    assert one["gpu_memory_total_mib"] == 4864.0
    assert "gpu_utilization_pct" not in one
    assert "mig" not in other["facts"]
    assert other["gpu_utilization_pct"] == 91.0
    assert state.startswith("2 GPUs; utilisation is unknown")


def test_it_reads_without_the_heavy_packages(driver):
    code = """
import sys
s = GpuSampler(clock); s.sample()
answer = sorted({"torch", "pandas", "scipy", "matplotlib", "requests"} & set(sys.modules))
"""
    assert driver.run(code) == []


XIDS = """
s = GpuSampler(clock)
answer = [[record.metrics.get("gpu_xid") for record in s.sample()] for _ in range(4)]
s.close()
"""


def test_xid_errors_are_told_one_a_sample_by_their_device(driver):
    assert driver.run(XIDS) == [[None, None]] * 4
    assert driver.run(XIDS, xids="79/0,31/1,45/0") == [[79, 31], [45, None], *[[None, None]] * 2]


@pytest.mark.parametrize(
    "function", ["EventSetCreate", "DeviceGetSupportedEventTypes", "DeviceRegisterEvents"]
)
def test_a_driver_without_events_tells_no_errors(driver, function):
    assert driver.run(XIDS, xids="79/0", fail=f"nvml{function}=3@0") == [[None, None]] * 4


LOST = """
s = GpuSampler(clock)
s.sample()
os.environ.update(FAKE_NVML_XIDS="79/0", FAKE_NVML_FAIL="*=15@0/0")
answer = told(s.sample())
"""


def test_the_last_word_of_a_device_that_is_lost(driver):
    lost, other = driver.run(LOST)
    assert (lost["facts"]["lost"], lost["gpu_xid"]) == (True, 79.0)
    assert "gpu_xid" not in other
