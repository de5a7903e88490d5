"""The example's routes in one process: the proposal's API, its concurrency and its cleanup, and what attacks it."""

import base64
import json
import subprocess
import threading

import pytest

from tests.integration.drop_in_support import PATIENCE_S, Application, Gates, Modules, importable
from truename import AsyncCalibrationManager

HASHES = [f"{number:040x}" for number in range(1, 300)]
HASH = HASHES[0]
NOBODY = "00000000-0000-4000-8000-000000000000"
SCRIPT_ROUTES = ["/api/calibrate/async", "/api/calibrate"]


@pytest.fixture(scope="module")
def example():
    with importable():
        yield Modules()


@pytest.fixture
def manager():
    manager = AsyncCalibrationManager(max_workers=5)
    yield manager
    manager.shutdown(wait=False)


@pytest.fixture
def gates(tmp_path):
    gates = Gates(tmp_path)
    yield gates
    gates.release_all()


@pytest.fixture
def application(example, manager):
    def application(calibrate=lambda info_hash: (f"name of {info_hash}", None), mode="async", **options):
        options = {"get_manager": lambda: manager} | options
        return Application(example, calibrate, mode=mode, **options)

    return application


@pytest.fixture
def scripted(application, example, gates):
    """The application with the real runner and a script that waits at its gate where there is one."""
    for info_hash in HASHES[7:9]:
        (gates.script.parent / "gates" / info_hash).touch()
    return application(
        lambda info_hash: example.runner.run_calibration_script(str(gates.script), info_hash, timeout=PATIENCE_S)
    )


def submitted(browser, info_hash=HASH):
    answer = browser.post("/api/calibrate/async", json={"info_hash": info_hash})
    assert answer.status_code == 200, answer.json
    return answer.json["task_id"]


def status(browser, task_id):
    return browser.get(f"/api/calibrate/status/{task_id}").json


# The proposal's integration tests; its second, polling, also runs in Node and in a browser.


def test_the_async_api_takes_a_task_at_once_and_tells_its_result(scripted, manager):
    browser = scripted.browser("anna")
    answer = browser.post("/api/calibrate/async", json={"info_hash": HASHES[7]})
    assert answer.status_code == 200
    assert answer.json == {"task_id": answer.json["task_id"], "status": "pending"}
    manager.shutdown()
    told = status(browser, answer.json["task_id"])
    assert {key: told[key] for key in ("task_id", "status", "info_hash", "result")} == {
        "task_id": answer.json["task_id"],
        "status": "completed",
        "info_hash": HASHES[7],
        "result": f"name of {HASHES[7]}",
    }
    assert isinstance(told["created_at"], float)
    assert "error" not in told


def test_polling_sees_a_task_running_and_then_its_name(scripted, gates, manager):
    browser = scripted.browser("anna")
    gates.close(HASH)
    task_id = submitted(browser)
    gates.wait_for(HASH)
    told = status(browser, task_id)
    assert told["status"] == "running"
    assert "result" not in told
    gates.release(HASH)
    manager.shutdown()
    assert status(browser, task_id)["result"] == f"name of {HASH}"


def test_concurrent_calibrations_run_five_at_once_and_the_others_wait_their_turn(scripted, gates, manager):
    browser = scripted.browser("anna")
    for info_hash in HASHES[:7]:
        gates.close(info_hash)
    tasks = [submitted(browser, info_hash) for info_hash in HASHES[:7]]
    for info_hash in HASHES[:5]:
        gates.wait_for(info_hash)
    assert [status(browser, task)["status"] for task in tasks] == ["running"] * 5 + ["pending"] * 2
    gates.release_all()
    for info_hash in HASHES[5:7]:
        gates.wait_for(info_hash)
    gates.release_all()
    manager.shutdown()
    assert [status(browser, task)["result"] for task in tasks] == [f"name of {h}" for h in HASHES[:7]]


def test_cleanup_forgets_expired_tasks_and_whose_they_were(application):
    manager = AsyncCalibrationManager(task_ttl=0)
    app = application(get_manager=lambda: manager)
    browser = app.browser("anna")
    task_id = submitted(browser)
    manager.shutdown()
    app.calibrations.cleanup()
    answer = browser.get(f"/api/calibrate/status/{task_id}")
    assert (answer.status_code, answer.json) == (404, {"error": "任务不存在", "code": "not_found"})
    assert task_id not in manager.tasks
    assert not app.calibrations._owners
    assert not app.calibrations._latest


def test_cleanup_keeps_what_has_not_expired(application, manager):
    app = application()
    browser = app.browser("anna")
    task_id = submitted(browser)
    manager.shutdown()
    app.calibrations.cleanup()
    assert status(browser, task_id)["status"] == "completed"


# Bad input


NOT_OBJECTS = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"' + HASH.encode() + b'"',
    "a number": b"5",
    "broken": b'{"info_hash": ',
    "not UTF-8": b'{"info_hash": "\xff"}',
    "deep": b"[" * 200_000,
    "a huge number": b'{"info_hash": ' + b"9" * 10_000 + b"}",
    "no such field": b'{"hash": "x"}',
    "null inside": b'{"info_hash": null}',
    "empty": b'{"info_hash": ""}',
    "white space": b'{"info_hash": " \\n"}',
}


@pytest.mark.parametrize("route", SCRIPT_ROUTES)
@pytest.mark.parametrize("body", NOT_OBJECTS.values(), ids=NOT_OBJECTS.keys())
def test_a_body_without_an_info_hash_is_told_so_in_json(application, route, body):
    asked = []
    browser = application(asked.append).browser("anna")
    answer = browser.post(route, data=body, content_type="application/json")
    assert (answer.status_code, answer.json) == (400, {"error": "缺少 info_hash 参数", "code": "missing_info_hash"})
    assert not asked


@pytest.mark.parametrize("route", SCRIPT_ROUTES)
def test_a_form_and_a_body_that_does_not_say_that_it_is_json_are_told_so_in_json(application, route):
    browser = application().browser("anna")
    for sent in (
        {"data": {"info_hash": HASH}},
        {"data": json.dumps({"info_hash": HASH}), "content_type": "text/plain"},
    ):
        answer = browser.post(route, **sent)
        assert (answer.status_code, answer.json["error"]) == (400, "缺少 info_hash 参数")


@pytest.mark.parametrize("route", SCRIPT_ROUTES)
@pytest.mark.parametrize(
    "value",
    [
        *(5, 1.5, True, ["a"], {"a": 1}),
        *("--help", "-c", "5", "a" * 39, "a" * 41, "0" * 40, "\0" * 40, ";id", "$(id)", "\ud800" * 40),
        *(f"{HASH}\n{HASH}", "magnet:?dn=x", "magnet:?xt=urn:btih:5", "x" * 500_000),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_what_is_no_info_hash_never_gets_near_a_process(application, route, value):
    asked = []
    browser = application(asked.append).browser("anna")
    answer = browser.post(route, data=json.dumps({"info_hash": value}), content_type="application/json")
    assert answer.status_code == 400
    assert answer.json == {"error": "info_hash 无效", "code": "invalid_info_hash"}
    assert not asked


@pytest.mark.parametrize("route", SCRIPT_ROUTES)
def test_too_large_a_body_is_refused_in_json(application, route):
    answer = application().browser("anna").post(route, json={"info_hash": "x" * (1024 * 1024)})
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_every_way_to_write_a_hash_reaches_the_function_in_one_form(application, manager):
    asked = []

    def calibrate(info_hash):
        asked.append(info_hash)
        return "a name", None

    browser = application(calibrate).browser("anna")
    hash_ = "c9e15763f722f23e98a29decdfae341b98d53056"
    written = [hash_.upper(), base64.b32encode(bytes.fromhex(hash_)).decode().lower(), f" {hash_} "]
    written.append(f"magnet:?dn=a+lie&xt=urn:btih:{hash_}&tr=http%3A%2F%2F127.0.0.1%2F")
    for text in written:
        assert browser.post("/api/calibrate", json={"info_hash": text}).json["info_hash"] == hash_
    assert asked == [hash_] * 4


def test_errors_of_the_api_are_json_and_tell_nothing_of_the_inside(application):
    def calibrate(info_hash):
        raise LookupError("/srv/secret/path")

    browser = application(calibrate).browser("anna")
    for answer, expected in (
        (browser.get("/api/nothing"), 404),
        (browser.get("/api/calibrate/async"), 405),
        (browser.post("/api/calibrate", json={"info_hash": HASH}), 500),
    ):
        assert (answer.status_code, answer.mimetype) == (expected, "application/json")
        assert set(answer.json) == {"error", "code"}
        assert "secret" not in answer.text


def test_the_same_person_gets_the_same_task_while_it_is_active_and_another_person_their_own(application, manager):
    begun, may_end = threading.Event(), threading.Event()

    def calibrate(info_hash):
        begun.set()
        return ("a name", None) if may_end.wait(PATIENCE_S) else (None, None)

    app = application(calibrate)
    anna, boris = app.browser("anna"), app.browser("boris")
    task_id = submitted(anna)
    assert begun.wait(PATIENCE_S)
    again = anna.post("/api/calibrate/async", json={"info_hash": HASH.upper()}).json
    assert again == {"task_id": task_id, "status": "running", "deduplicated": True}
    other = boris.post("/api/calibrate/async", json={"info_hash": HASH}).json
    assert other["task_id"] != task_id
    assert "deduplicated" not in other
    may_end.set()
    manager.shutdown()
    assert [status(anna, task_id)["result"], status(boris, other["task_id"])["result"]] == ["a name"] * 2


# How a calibration can end, and how many there may be


@pytest.mark.parametrize("error", [TimeoutError("nobody answered"), subprocess.TimeoutExpired("script", 3)])
def test_a_time_out_is_a_time_out_on_both_ways(application, manager, error):
    def calibrate(info_hash):
        raise error

    browser = application(calibrate).browser("anna")
    expected = {"status": "timeout", "info_hash": HASH, "error": str(error), "code": "deadline"}
    assert browser.post("/api/calibrate", json={"info_hash": HASH}).json == expected
    task_id = submitted(browser)
    manager.shutdown()
    assert status(browser, task_id).items() >= expected.items()


def test_a_failure_tells_its_reason_on_both_ways(application, manager):
    browser = application(lambda info_hash: (None, "没有人持有该种子")).browser("anna")
    expected = {"status": "failed", "info_hash": HASH, "error": "没有人持有该种子", "code": "function_failed"}
    assert browser.post("/api/calibrate", json={"info_hash": HASH}).json == expected
    task_id = submitted(browser)
    manager.shutdown()
    assert status(browser, task_id).items() >= expected.items()


def test_one_person_can_only_have_so_many_tasks_waiting(application, manager):
    may_end = threading.Event()
    app = application(lambda info_hash: ("a name", None) if may_end.wait(PATIENCE_S) else (None, None))
    anna = app.browser("anna")
    for info_hash in HASHES[:200]:
        submitted(anna, info_hash)
    answer = anna.post("/api/calibrate/async", json={"info_hash": HASHES[200]})
    assert (answer.status_code, answer.json["code"]) == (429, "too_many")
    assert int(answer.headers["Retry-After"]) > 0
    submitted(app.browser("boris"), HASHES[200])
    may_end.set()
    manager.shutdown()
    # What has ended does not count any more; this manager takes nothing new, and says so.
    assert anna.post("/api/calibrate/async", json={"info_hash": HASHES[201]}).json["code"] == "stopping"


def test_only_five_requests_at_once_may_wait_for_a_script(scripted, gates):
    browsers = [scripted.browser("anna") for _ in range(6)]
    for info_hash in HASHES[:5]:
        gates.close(info_hash)
    answers = []

    def wait(browser, info_hash):
        answers.append(browser.post("/api/calibrate", json={"info_hash": info_hash}).json["result"])

    waiting = [threading.Thread(target=wait, args=pair) for pair in zip(browsers, HASHES[:5], strict=False)]
    for thread in waiting:
        thread.start()
    for info_hash in HASHES[:5]:
        gates.wait_for(info_hash)
    refused = browsers[5].post("/api/calibrate", json={"info_hash": HASHES[7]})
    assert (refused.status_code, refused.json["code"]) == (429, "too_many")
    assert "Retry-After" in refused.headers
    gates.release_all()
    for thread in waiting:
        thread.join(PATIENCE_S)
    assert sorted(answers) == [f"name of {info_hash}" for info_hash in HASHES[:5]]
    assert browsers[5].post("/api/calibrate", json={"info_hash": HASHES[7]}).status_code == 200


def test_while_stopping_a_submit_is_refused_and_leaves_nothing(application, manager):
    app = application()
    browser = app.browser("anna")
    manager.shutdown()
    answer = browser.post("/api/calibrate/async", json={"info_hash": HASH})
    assert (answer.status_code, answer.json["code"]) == (503, "stopping")
    assert "Retry-After" in answer.headers
    assert not app.calibrations._owners


# The way back


def no_manager():
    raise AssertionError("the manager was made")


def test_with_mode_sync_everything_works_and_the_manager_is_never_made(application):
    app = application(mode="sync", get_manager=no_manager)
    browser = app.browser("anna")
    assert browser.get("/api/config").json == {
        "calibration_mode": "sync",
        "poll_interval_ms": 1000,
        "poll_timeout_ms": 60000,
        "websocket": False,
    }
    done = browser.post("/api/calibrate", json={"info_hash": HASH})
    assert (done.status_code, done.json) == (
        200,
        {"status": "completed", "info_hash": HASH, "result": f"name of {HASH}"},
    )
    refused = browser.post("/api/calibrate/async", json={"info_hash": HASH})
    assert (refused.status_code, refused.json["code"]) == (503, "off")
    assert browser.get(f"/api/calibrate/status/{NOBODY}").json["error"] == "任务不存在"
    assert browser.get("/notes").status_code == 200
    app.calibrations.cleanup()


def test_with_mode_off_submits_say_so_and_the_rest_works(application):
    app = application(no_manager, mode="off", get_manager=no_manager)
    browser = app.browser("anna")
    for route in SCRIPT_ROUTES:
        answer = browser.post(route, json={"info_hash": HASH})
        assert (answer.status_code, answer.json) == (503, {"error": "校准功能已关闭", "code": "off"})
    assert browser.get(f"/api/calibrate/status/{NOBODY}").status_code == 404
    assert browser.get("/api/config").json["calibration_mode"] == "off"
    assert browser.post("/notes", data={"text": "still kept"}).status_code == 303
    assert "still kept" in browser.get("/notes").text
    app.calibrations.cleanup()


@pytest.mark.parametrize(("written", "mode"), [("", "async"), (" Sync ", "sync"), ("OFF", "off")])
def test_the_mode_is_one_setting(example, written, mode):
    assert example.Mode.read({"CALIBRATION_MODE": written}).value == mode
    with pytest.raises(ValueError, match=r"async, sync or off, not 'on'"):
        example.Mode.read({"CALIBRATION_MODE": "on"})


# The bot's side


def test_the_old_import_lines_still_work(example):
    import truename

    for name in ("AsyncCalibrationManager", "CalibrationTask", "TaskStatus", "get_async_calibration_manager"):
        assert getattr(example.old_names, name) is getattr(truename, name)


def test_the_bot_is_told_the_name_and_can_poll(example, manager):
    told = []
    bot = example.bot.CalibrationManager(lambda h: (f"name of {h}", None), get_manager=lambda: manager)
    task_id = bot.submit(HASH, lambda *answer: told.append(answer))
    manager.shutdown()
    assert told == [(HASH, f"name of {HASH}", None)]
    assert bot.poll(task_id).result == f"name of {HASH}"
    assert bot.poll(NOBODY) is None


def test_the_bot_is_told_a_time_out_and_the_task_ends_as_one(example, manager):
    def calibrate(info_hash):
        raise TimeoutError("nobody answered")

    told = []
    bot = example.bot.CalibrationManager(calibrate, get_manager=lambda: manager)
    task_id = bot.submit(HASH, lambda *answer: told.append(answer))
    manager.shutdown()
    assert told == [(HASH, None, "nobody answered")]
    assert bot.poll(task_id).status.value == "timeout"


def test_an_answer_that_cannot_be_told_does_not_make_the_name_wrong(example, manager):
    bot = example.bot.CalibrationManager(lambda h: ("a name", None), get_manager=lambda: manager)
    task_id = bot.submit(HASH, lambda *answer: 1 / 0)
    manager.shutdown()
    assert bot.poll(task_id).result == "a name"


def test_the_bot_works_without_the_manager(example):
    told = []
    sync = example.bot.CalibrationManager(lambda h: ("a name", None), mode=example.Mode.SYNC, get_manager=no_manager)
    assert sync.submit(HASH, lambda *answer: told.append(answer)) is None
    assert told == [(HASH, "a name", None)]
    assert sync.poll(NOBODY) is None
    off = example.bot.CalibrationManager(no_manager, mode=example.Mode.OFF, get_manager=no_manager)
    with pytest.raises(RuntimeError, match="校准功能已关闭"):
        off.submit(HASH)
