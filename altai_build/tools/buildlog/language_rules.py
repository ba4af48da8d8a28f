"""The messages of languages' own tools and test runners: Python, Rust, Go, Perl, Ruby, Java, JavaScript."""

from __future__ import annotations

from altai_build.tools.buildlog.rule import Rank
from altai_build.tools.buildlog.rule import make_rule as _rule

_EXCEPTION = (
    r"(?!mockbuild)\w[\w.]*(?:Error|Exception|Exit|Interrupt|Mismatch|Timeout|NotFound|Failure)(?:: .*)?$"
)

LANGUAGE_RULES = (
    # Python: pytest, unittest, nose, testr, distutils, setuptools, pip
    _rule("pytest", "FAILED |ERROR ", r"(?:FAILED|ERROR) \S+\.py\b(?:::| - |$)"),
    _rule(
        "pytest",
        "E   ",
        r"E {3,20}(?:assert |[\w.]+(?:Error|Exception|Failed|Exit|Warning)\b|Failed: |fixture )",
        Rank.SYMPTOM,
    ),
    _rule(
        "pytest",
        " failed| error|!!! ",
        r"=+ (?:\d+ \w+, )*\d+ (?:failed|errors?)\b|!+ (?:Interrupted|stopping)",
        Rank.RESULT,
    ),
    _rule(
        "unittest",
        "FAIL: |ERROR: ",
        r"(?:FAIL|ERROR): (?:\w+ \([\w.]+\)|[\w.]+\.\w+$|Failure: )",
        detail=_EXCEPTION,
        within=80,
    ),
    _rule("unittest", "FAILED (", r"FAILED \((?:failures|errors|id)=", Rank.RESULT),
    _rule(
        "python",
        "Error: |NotFound: |Conflict: ",
        r"(?:ModuleNotFound|Import|Syntax|Indentation|Tab)Error: |pkg_resources\.\S*(?:NotFound"
        r"|Conflict)\w*: ",
    ),
    _rule(
        "python", "Error|Exception|Exit|Interrupt|Mismatch|Timeout|NotFound|Failure", _EXCEPTION, Rank.SYMPTOM
    ),
    _rule("python", ": error: ", r"(?:python[\d.]* -m [\w.]+|\w+\.py|pytest|py\.test|nosetests): error: "),
    _rule(
        "distutils",
        "command |Failed to build|subprocess-exited",
        r"error: (?:Setup script exited with error: )?command .*failed|Failed to build|error:"
        r" subprocess-exited",
        Rank.RESULT,
    ),
    _rule(
        "pip",
        "ERROR: ",
        r"ERROR: (?:Could not find a version|No matching distribution|Cannot install|.* requires |Could"
        r" not install)",
    ),
    _rule(
        "build",
        "ERROR Missing dependencies",
        r"ERROR Missing dependencies:",
        detail=r"\s+\S",
        within=3,
        limit=3,
    ),
    _rule(
        "sphinx",
        "rror:",
        r"(?:Extension|Sphinx|Theme|Configuration|Application) error:|Warning, treated as error:",
    ),
    # Rust
    _rule(
        "cargo",
        "error: ",
        r"error: (?:could not compile|aborting due to|build failed|test failed|failed to run custom build"
        r"|process didn't)",
        Rank.RESULT,
    ),
    _rule("rustc", "error[E", r"error\[E\d+\]: ", detail=r"\s*--> ", within=2),
    _rule("cargo", "... FAILED|panicked at", r"test .+ \.\.\. FAILED$|thread '.*' (?:\(\d+\) )?panicked at"),
    _rule("cargo", "test result: FAILED", r"test result: FAILED", Rank.RESULT),
    # Go
    _rule("go", ".go:", r"(?:vet: )?[^\s:]+\.go:\d+(?::\d+)?: \S"),
    _rule("go", "--- FAIL: ", r"\s*--- FAIL: ", detail=r"\s+[^\s:]+\.go:\d+: ", within=30),
    _rule("go", "go: ", r"go: (?!downloading|finding|extracting|added|upgraded|creating|to add)"),
    _rule(
        "go",
        "load package|cannot find package|cannot find module|panic: |is not in ",
        r"can't load package|.*cannot find (?:package|module)|panic: |package \S+ is not in ",
    ),
    _rule("go", "FAIL", r"FAIL\s+\S+(?: \[build failed\]|\s+[\d.]+s)|FAIL$", Rank.RESULT),
    # Perl
    _rule(
        "perl",
        "Can't locate|Can't load|syntax error at|Global symbol|Undefined subroutine|required--this",
        r".*\b(?:Can't (?:locate (?:\S+ in @INC|object method)|load ')|syntax error at \S+ line \d+"
        r"|version \S+ "
        r"required--this is only)|Global symbol |Undefined subroutine",
    ),
    _rule("perl", "Failed ", r"# +Failed test\b", detail=r"# +(?:at |got:)", within=3, limit=2),
    _rule("tap", "not ok ", r"\s*not ok \d+\b"),
    _rule(
        "perl",
        "BEGIN failed|Dubious|Result: FAIL|Failed |# Looks like",
        r"BEGIN failed|.*\bDubious, test returned|Result: FAIL|Failed \d+/\d+ |# Looks like",
        Rank.RESULT,
    ),
    # Ruby
    _rule(
        "ruby",
        "Error)|Errno::|(Gem::",
        r".*\((?:Load|Name|NoMethod|Argument|Syntax|Type|Runtime)Error\)$|.*\((?:Gem|Errno)::[\w:]+\)$",
    ),
    _rule(
        "ruby",
        "cannot load such file|Could not find |rake aborted!|mkmf.rb",
        r".*cannot load such file|Could not find (?:gem )?\S+.*in |rake aborted!|mkmf\.rb can't find",
        detail=r"\S",
    ),
    _rule("minitest", "Failure:|Error:", r"(?:\s*\d+\) )?(?:Failure|Error):$"),
    _rule("rspec", "rspec ", r"rspec \./\S+"),
    _rule(
        "ruby",
        " failures| examples",
        r"\d+ (?:runs|tests|examples), (?:\d+ \w+, )*[1-9]\d* (?:failures?|errors?)",
        Rank.RESULT,
    ),
    # Java: maven, ant, gradle
    _rule(
        "maven",
        "[ERROR] ",
        r"\[ERROR\] (?:\S+\.(?:java|kt|scala):|.*(?:<<< (?:FAILURE|ERROR)!|Non-resolvable|Could not"
        r" resolve))",
    ),
    _rule(
        "maven",
        "[ERROR] |[WARNING] error",
        r"\[ERROR\] (?:Failed to execute goal|Plugin )|\[WARNING\] error: ",
        Rank.SYMPTOM,
    ),
    _rule(
        "maven",
        "[ERROR] |BUILD FAILURE",
        r"\[ERROR\] (?:COMPILATION ERROR|Tests run:)|(?:\[\w+\] )?BUILD FAILURE",
        Rank.RESULT,
    ),
    _rule("ant", ": error: ", r"\s*\[javac?\] \S+:\d+: error: "),
    _rule("ant", "BUILD FAILED", r"BUILD FAILED$", Rank.SYMPTOM, detail=r"\S"),
    _rule("java", "Exception in thread", r"Exception in thread \""),
    _rule("gradle", "What went wrong", r"\* What went wrong:"),
    # JavaScript
    _rule(
        "npm",
        "npm ",
        r"npm (?:ERR!|error) code (?!ELIFECYCLE|1$)",
        detail=r"npm (?:ERR!|error) (?!errno|syscall|path )",
        within=3,
    ),
    _rule(
        "npm", "npm ", r"npm (?:ERR!|error) .*(?:[Ee]rror: |not found|[Cc]annot |[Mm]issing |[Cc]ould not )"
    ),
    _rule("npm", "npm ", r"npm (?:ERR!|error) ", Rank.RESULT),
    _rule("tsc", " error ", r"\S+\.[jt]sx?(?:\(\d+,\d+\)|:\d+:\d+)(?: -|:) error "),
    # what is too general to stand before others
    _rule("mspec", " FAILED| ERROR", r"\S.* (?:FAILED|ERROR)$", Rank.SYMPTOM),
)
