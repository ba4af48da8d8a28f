"""The messages of compilers, linkers and build tools: gcc, ld, cmake, meson, ninja, autoconf, make."""

from __future__ import annotations

from altai_build.tools.buildlog.rule import Rank
from altai_build.tools.buildlog.rule import make_rule as _rule

_PLACE = r"[^\s:]+(?::\d+)+:? "
_SOURCE = r"[^\s:]+\.(?:[chCHmSylfF]|cc|cpp|cxx|hh|hpp|hxx|c\+\+|mm|[fF]\d\d)"
_MAKE = r"(?:\S*/)?g?make(?:\[\d+\])?: "
_AUTOTOOL = r"(?:aclocal|autom4te|autoconf|autoheader|automake|libtool|libtoolize|autoreconf)(?:-[\d.]+)?: "

BUILD_TOOL_RULES = (
    # compilers: gcc, clang, gfortran, javac and all that write like them
    _rule(
        "gcc",
        "error: ",
        rf"{_PLACE}(?:fatal |internal compiler )?error: (?!.*[Ee]ach undeclared identifier|.*for each function)",
    ),
    _rule(
        "gcc",
        "error: ",
        r"(?:\S*[/-])?(?:gcc|g\+\+|cc1\w*|clang(?:\+\+)?|cc|c\+\+)(?:-[\d.]+)?: (?:fatal )?error: "
        r"(?!linker command failed|no input files)",
    ),
    _rule("gcc", "internal compiler error|LLVM ERROR", r".*internal compiler error: |LLVM ERROR: "),
    _rule("gfortran", "Fatal Error: ", r"Fatal Error: "),
    # gcc before 3.4 had no word for errors
    _rule(
        "gcc",
        "undeclared|has no member|parse error|before|redefinition|conflicting types|incompatible|not"
        " declared",
        rf"{_SOURCE}:\d+(?::\d+)?: (?!\s*(?:error|warning|note|required|instantiated|remark|in |at |from ))",
        Rank.SYMPTOM,
    ),
    _rule(
        "gcc",
        "being treated as errors|compilation terminated",
        r"cc1\w*: (?:all|some) warnings being treated as errors|compilation terminated",
        Rank.RESULT,
    ),
    # linkers
    _rule("ld", "more undefined references", r".*more undefined references", Rank.RESULT),
    _rule("ld", "undefined reference to", r".*\bundefined reference to ?[`'\"‘]"),
    _rule(
        "ld",
        "ld: |ld.gold: |ld.bfd: ",
        r"(?:\S*[/-])?(?:ld|lld)(?:\.\w+)?: (?:cannot find|cannot open|error: |unrecognized option"
        r"|.*(?:undefined "
        r"symbol|relocation R_|error adding symbols|file format not recognized|file not recognized"
        r"|multiple definition))",
    ),
    _rule(
        "ld",
        "multiple definition of|duplicate symbol|undefined symbol: |Undefined symbols for",
        r".*: multiple definition of |duplicate symbol |.*\bundefined symbol: |Undefined symbols for"
        r" architecture",
    ),
    _rule("ld", "collect2: ", r"collect2: (?:fatal error: |error: cannot)"),
    _rule(
        "ld",
        "collect2: |final link failed|1 duplicate symbol|symbol(s) not found|linker command failed",
        r"collect2: |.*(?:final link failed|: \d+ duplicate symbol|symbol\(s\) not found|error: linker"
        r" command failed)",
        Rank.RESULT,
    ),
    # cmake, ctest
    _rule("cmake", "CMake Error at ", r"CMake Error at ", detail=r"\s+\S", within=4, limit=2),
    _rule("cmake", "CMake Error", r"CMake Error(?: \(dev\))?(?: in [^:]+)?: (?!Error processing file)"),
    _rule(
        "cmake",
        "Configuring incomplete|CPack Error|Error processing file",
        r"-- Configuring incomplete|CPack Error: |CMake Error: Error processing",
        Rank.RESULT,
    ),
    _rule("ctest", "***", r"\s*\d+/\d+ Test +#\d+: .*\*\*\*(?:Failed|Timeout|Exception|Not Run)"),
    _rule(
        "ctest",
        "(Failed)|(Timeout)|(SEGFAULT)|(Not Run)|aborted)",
        r"\s*\d+ - \S+ \((?:Failed|Timeout|SEGFAULT|Not Run|Subprocess aborted)\)",
        Rank.SYMPTOM,
    ),
    _rule("ctest", "% tests passed", r"\d+% tests passed", Rank.RESULT),
    # meson, ninja
    _rule(
        "meson",
        "ERROR: ",
        r"(?:\S*/)?meson\.build:\d+:\d+: ERROR: |ERROR: (?:Dependency|Program|Problem encountered)",
    ),
    _rule("meson", "Meson encountered an error", r"Meson encountered an error"),
    _rule("meson", " FAIL | TIMEOUT | ERROR ", r"\s*\d+/\d+ .*\b(?:FAIL|TIMEOUT|ERROR)\b {1,20}\d"),
    _rule("ninja", "ninja: ", r"ninja: (?:error|fatal): "),
    _rule("ninja", "ninja: |FAILED: ", r"ninja: build stopped|FAILED: \S", Rank.RESULT),
    # autoconf and its kin
    _rule("configure", "error: ", r"(?:\S*/)?configure(?:\.\w+)?: error: |config\.status: error: "),
    _rule("configure", "No package '", r"No package '.+' found", Rank.SYMPTOM),
    _rule("automake", "error: ", rf"{_AUTOTOOL}error: (?!.*(?:failed with|exit status))"),
    _rule("automake", " failed", rf"{_AUTOTOOL}.* failed", Rank.RESULT),
    _rule(
        "automake",
        "FAIL: |XPASS: |ERROR: ",
        r"(?:FAIL|XPASS|ERROR): (?!\d+$|(?:\w+\.){2,}\w+$)[\w./+-]*[./_-][\w./+-]*(?: \d+.*)?$",
    ),
    _rule("autotest", "FAILED (", r" *\d+: .+ FAILED \(\S+:\d+\)"),
    _rule(
        "autotest",
        "ERROR: |# FAIL|# ERROR",
        r"ERROR: (?:All )?\d+ tests? w(?:as|ere) run|# (?:FAIL|ERROR):  *[1-9]",
        Rank.RESULT,
    ),
    # make
    _rule("make", "*** [", rf"{_MAKE}\*\*\* \[", Rank.MAKE),
    _rule("make", "*** ", rf"(?:{_MAKE}|[^\s:]+:\d+: )\*\*\* (?!Waiting|Deleting|wait: No child)"),
    _rule(
        "make",
        "ommand not found|No such file or directory|Permission denied",
        rf"{_MAKE}.*(?:[Cc]ommand not found|No such file or directory|Permission denied)$",
    ),
)
