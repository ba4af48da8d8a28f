"""Messages of languages' own tools and test runners."""

from __future__ import annotations

import pytest

from altai_build.tools.buildlog.rule import Rank
from tests.kit.buildlogs import check_message

CAUSE, SYMPTOM, RESULT = Rank.CAUSE, Rank.SYMPTOM, Rank.RESULT


@pytest.mark.parametrize(
    ("tool", "rank", "line"),
    [
        ("pytest", CAUSE, "FAILED tests/test_a.py::test_b - AssertionError: assert 1 == 3"),
        ("pytest", CAUSE, "ERROR tests/test_a.py - ModuleNotFoundError: No module named 'x'"),
        ("pytest", SYMPTOM, "E       assert 1 == 3"),
        ("pytest", SYMPTOM, "E   KeyError: 'x'"),
        ("pytest", RESULT, "========= 1 failed, 77 passed in 2.31 seconds ========="),
        (
            "unittest",
            CAUSE,
            "FAIL: test_a (t.T)\n-----\nTraceback (most recent call last):\n  File x\nAssertionError: 1 != 2\n",
        ),
        ("unittest", CAUSE, "ERROR: nova.tests.test_a.T.test_b\nImportError: No module named x"),
        ("unittest", RESULT, "FAILED (failures=1, errors=2)"),
        ("unittest", RESULT, "FAILED (id=0, failures=1)"),
        ("python", CAUSE, "ModuleNotFoundError: No module named 'x'"),
        ("python", CAUSE, "pkg_resources.DistributionNotFound: pbr>=1.6"),
        ("python", SYMPTOM, "mypkg.errors.ConfigError: no such option"),
        (
            "python",
            CAUSE,
            "python -m nose: error: Error reading config file 'setup.cfg': no such option 'with-openstack'",
        ),
        ("distutils", RESULT, "error: command 'gcc' failed with exit status 1"),
        (
            "distutils",
            RESULT,
            "error: Setup script exited with error: command 'gcc' failed with exit status 1",
        ),
        ("any", CAUSE, "error: package directory 'x' does not exist"),
        ("pip", CAUSE, "ERROR: No matching distribution found for pbr"),
        (
            "pip",
            CAUSE,
            "ERROR: Could not find a version that satisfies the requirement pbr (from versions: none)",
        ),
        ("build", CAUSE, "ERROR Missing dependencies:\n\tsetuptools>=61"),
        ("sphinx", CAUSE, "Warning, treated as error:\ndocs/a.rst:3:unknown document"),
        (
            "rustc",
            CAUSE,
            "error[E0433]: failed to resolve: use of undeclared crate `x`\n --> src/lib.rs:3:17",
        ),
        ("any", CAUSE, "error: no matching package named `serde` found"),
        ("cargo", CAUSE, "test tests::parse ... FAILED"),
        ("cargo", CAUSE, "thread 'main' panicked at src/a.rs:3:5:\nindex out of bounds"),
        ("cargo", RESULT, "error: could not compile `x` (lib) due to 4 previous errors"),
        ("cargo", RESULT, "test result: FAILED. 3 passed; 1 failed; 0 ignored"),
        ("go", CAUSE, "./docs.go:294:10: undefined: strings.ReplaceAll"),
        ("go", CAUSE, "--- FAIL: TestParse (0.00s)\n    parse_test.go:12: got 1, want 2"),
        ("go", CAUSE, 'a.go:3:2: cannot find package "x" in any of: /usr/lib/golang/src/x'),
        ("go", CAUSE, "go: example.com/x@v1.2.3: Get: dial tcp: lookup failed"),
        ("go", RESULT, "FAIL\texample.com/x [build failed]"),
        ("perl", CAUSE, "Can't locate Test/Exception.pm in @INC (@INC contains: /etc/perl) at t/a.t line 2."),
        ("perl", CAUSE, "t/a.t .. Can't locate Test/Exception.pm in @INC at t/a.t line 2."),
        ("perl", CAUSE, "#   Failed test 'parses'\n#   at t/a.t line 3.\n#          got: '1'"),
        ("perl", RESULT, "BEGIN failed--compilation aborted at t/a.t line 2."),
        ("perl", RESULT, "t/a.t .. Dubious, test returned 2 (wstat 512, 0x200)"),
        ("tap", CAUSE, "not ok 3 - parses"),
        ("ruby", CAUSE, "a.rb:1:in `require': no such file to load -- x (LoadError)"),
        ("ruby", CAUSE, "Could not find gem 'rake' in any of the gem sources\nlisted in your Gemfile."),
        ("ruby", CAUSE, "rake aborted!\nDon't know how to build task 'x'"),
        ("minitest", CAUSE, "  1) Failure:\nATest#test_b [a_test.rb:3]:\nExpected: 1"),
        ("rspec", CAUSE, "rspec ./spec/a_spec.rb:12 # A parses"),
        ("mspec", SYMPTOM, "Process.clock_getres matches the clock FAILED"),
        ("ruby", RESULT, "116 runs, 259 assertions, 0 failures, 1 errors, 0 skips"),
        ("maven", CAUSE, "[ERROR] /src/A.java:[12,5] cannot find symbol"),
        ("maven", CAUSE, "[ERROR] testParse(a.ATest)  Time elapsed: 0.1 s  <<< FAILURE!"),
        ("maven", SYMPTOM, "[ERROR] Failed to execute goal a:b:1:compile on project x: Compilation failure"),
        ("maven", RESULT, "[INFO] BUILD FAILURE"),
        ("ant", CAUSE, "    [javac] /src/A.java:12: error: package x does not exist"),
        ("ant", SYMPTOM, "BUILD FAILED\n/src/build.xml:9: Compile failed"),
        ("java", CAUSE, 'Exception in thread "main" java.lang.NoClassDefFoundError: a/B'),
        ("gradle", CAUSE, "* What went wrong:\nExecution failed for task ':compileJava'."),
        ("npm", CAUSE, "npm ERR! code ENOTFOUND\nnpm ERR! errno ENOTFOUND\nnpm ERR! network request failed"),
        ("npm", CAUSE, 'npm error Missing script: "build"'),
        ("npm", RESULT, "npm ERR! code ELIFECYCLE"),
        ("tsc", CAUSE, "src/a.ts(3,7): error TS2304: Cannot find name 'x'."),
    ],
)
def test_message(tool: str, rank: Rank, line: str) -> None:
    check_message(tool, rank, line)
