"""A mock configuration is a Python program: all of its syntax works, and none of it reaches the host."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.mock import evaluate
from altai_build.tools.mock.evaluate import EvaluatedOptions
from tests.kit.mock_configs import evaluate_text

Run = Callable[..., EvaluatedOptions]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Evaluates statements; other files may be included."""
    return lambda text, **files: evaluate_text(tmp_path, text, **files)


def refusal(run: Run, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        run(text)
    return caught.value


def test_any_python_is_run_as_mock_runs_it(run: Run) -> None:
    options = run(
        '''
"""A docstring."""
import math
from string import Template

class Settings:
    suffix = f"{'-extra'}-{1 + 1}"

def names(count):
    return [f"p{number}" for number in range(count)]

for name in names(2):
    config_opts['chroot_additional_packages'].append(name)
try:
    config_opts['nothing']
except KeyError:
    config_opts['root'] += Settings.suffix
with_modules = os.path.join('a', 'b') + re.sub('x', 'y', 'x')
config_opts['macros'] |= {'%one': '1'}
config_opts['macros'].update({'%two': Template('$x').substitute(x=math.floor(2.5))})
config_opts['environment'].update({key: value for key, value in [('D', with_modules)]})
config_opts['use_bootstrap'] = (lambda version: version >= 42)(41)
config_opts['plugin_conf']['unheard_of_opts']['x'] = 1
config_opts['chroot_setup_cmd'] = 'install', 'bash'
config_opts.setdefault('releasever', '7')
config_opts['dist'] = '{{ root }}.{{ macros["%one"] }}'
config_opts['yum.conf'] = '{% for name in chroot_additional_packages %}{{ name }}\\n{% endfor %}'
assert config_opts['dnf.conf'] == config_opts['yum.conf'] and config_opts['chroot_name'] == 'case'
'''
    )
    values = options.values
    assert (values["root"], values["dist"]) == ("small-extra-2", "small-extra-2.1")
    assert (values["chroot_additional_packages"], values["dnf.conf"]) == (["p0", "p1"], "p0\np1\n")
    assert (values["macros"]["%one"], values["macros"]["%two"], values["environment"]["D"]) == (
        "1",
        "2",
        "a/by",
    )
    assert (values["use_bootstrap"], values["chroot_setup_cmd"]) == (False, ["install", "bash"])
    assert options.changed == {
        "root", "dist", "chroot_additional_packages", "macros", "environment", "use_bootstrap", "plugin_conf",
        "chroot_setup_cmd", "dnf.conf",
    }  # fmt: skip
    assert options.plugin_settings == {"unheard_of_opts"}
    assert options.errors == {}


def test_includes_see_and_set_the_same_names(run: Run) -> None:
    text = "base = 1\ninclude('more.cfg')\nif base == 2:\n    include('last.cfg')\n"
    more, last = "base += 1\n", "def f():\n    return base\nconfig_opts['releasever'] = str(f())\n"
    assert run(text, more=more, last=last).values["releasever"] == "2"


def test_values_may_name_values_that_name_values(run: Run) -> None:
    options = run("config_opts['dist'] = '{{ a }}'\nconfig_opts['a'] = '{{ b }}'\nconfig_opts['b'] = 'x'\n")
    assert (options.values["dist"], options.values["a"]) == ("x", "x")


def test_a_template_that_fails_is_an_error_of_its_option_alone(run: Run) -> None:
    options = run(
        "config_opts['a'] = '{{ x.y.z }}'\nconfig_opts['b'] = 'one\\n{% if %}'\n"
        "config_opts['c'] = '{{ c }}{{ c }}'\n"
    )
    assert options.errors["a"] == "'x' is undefined"
    assert options.errors["b"].startswith("line 2: Expected an expression")
    assert "too deep jinja re-evaluation" in options.errors["c"]
    assert options.values["a"] == "{{ x.y.z }}" and options.values["root"] == "small"


@pytest.mark.parametrize(
    ("text", "line", "message", "todo"),
    [
        ("x = 1\ny = = 2\n", 3, "invalid syntax", ""),
        ("def f():\n    return 1 // 0\nf()\n", 3, "ZeroDivisionError: integer", ""),
        ("x = config_opts['target_arhc']", 2, "'target_arhc' is not set here", "did you mean target_arch"),
        ("raise SystemExit('enough')", 2, "SystemExit: enough", ""),
        ("import no_such_module", 2, "ModuleNotFoundError: No module named 'no_such_module'", ""),
        ("include('a' + '.cfg')", 2, "ValueError: include() takes one literal file name", ""),
        ("x = 1 + '1'", 2, "TypeError: unsupported operand", ""),
        ("x = " + "(" * 5000 + ")" * 5000, 2, "", ""),
        ("x = '\0'", 0, "", ""),
    ],
)
def test_an_error_names_its_line(
    run: Run, tmp_path: Path, text: str, line: int, message: str, todo: str
) -> None:
    error = refusal(run, text)
    where = f"{tmp_path}/case.cfg:{line}: " if line else f"{tmp_path}/case.cfg"
    assert error.what.startswith(where + message), error.what
    assert error.todo.startswith(todo)
    if line and len(text) < 100:
        assert error.why == text.splitlines()[line - 2].strip()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config_opts['a'] = print", "config_opts['a'] holds a builtin_function_or_method"),
        ("config_opts['a'] = {1.5: 1}", "config_opts['a'] has a key that is no text: 1.5"),
        ("config_opts['a'] = [config_opts]", "config_opts['a'] holds a TemplatedDictionary"),
        ("x = {}\nx['a'] = x\nconfig_opts['a'] = x", "nested too deeply, or too large"),
    ],
)
def test_only_data_is_an_option(run: Run, text: str, message: str) -> None:
    assert message in refusal(run, text).what


SECRET = "a-secret-of-the-host"


def test_nothing_of_the_host_is_seen(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv("A_TOKEN", SECRET)
    text = f"""
def attempt(action):
    try:
        return repr(action())
    except OSError as error:
        return error.strerror

config_opts['a'] = [
    attempt(lambda: open({str(tmp_path / "secret")!r}).read()),
    attempt(lambda: open('/etc/shadow').read()),
    attempt(lambda: os.listdir({os.path.expanduser("~")!r})),
    attempt(lambda: open('/tmp/x', 'w')),
    attempt(lambda: open('/usr/x', 'w')),
    attempt(lambda: os.environ.get('A_TOKEN')),
    attempt(lambda: socket.gethostname()),
    attempt(lambda: os.getuid()),
]
"""
    (secret, shadow, home, temporary, system, token, host, user) = run(text).values["a"]
    assert secret == home == temporary == "No such file or directory"
    # What bubblewrap makes of /etc only root may enter.
    assert shadow in ("No such file or directory", "Permission denied")
    assert system in ("Read-only file system", "Permission denied")
    assert (token, host, user) == ("None", repr("altai-build.localdomain"), "1000")


def test_no_network_is_reached(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        error = refusal(run, f"socket.create_connection(('127.0.0.1', {port}), timeout=5)")
        assert "Connection refused" in error.what or "Network is unreachable" in error.what
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("os.fork()", "BlockingIOError"),
        ("import subprocess\nsubprocess.run(['/bin/true'])", "BlockingIOError"),
        ("while True: pass", "was killed by SIGXCPU"),
        ("x = 'a' * (8 << 30)", "nested too deeply, or too large"),
        ("x = [1, 1]\nfor n in range(60): x = [x, x]\nconfig_opts['a'] = x", "was killed by SIGXCPU"),
        ("config_opts['dnf.conf'] = '{{ \"a\" * 10 ** 10 }}'\nconfig_opts['b'] = 'x'", ""),
        ("os._exit(0)", "cannot be evaluated"),
        ("os.kill(os.getpid(), 9)", "cannot be evaluated"),
        ("os.write(3, b'x'); os._exit(0)", "cannot be evaluated"),
    ],
)
def test_a_hostile_configuration_ends_within_bounds(
    run: Run, text: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "CPU_SECONDS", 2)
    started = time.monotonic()
    if why:
        assert why in refusal(run, text).what
    else:
        assert "MemoryError" in run(text).errors["dnf.conf"]
    assert time.monotonic() - started < 40
