"""The messages of shells, archivers, patch, git, rpmbuild, and package managers; and what any other tool may say."""

from __future__ import annotations

from altai_build.tools.buildlog.rule import Rank
from altai_build.tools.buildlog.rule import make_rule as _rule

_COREUTILS = (
    "ar|awk|cat|chmod|chown|cmp|cp|diff|dos2unix|env|file|find|gawk|grep|head|iconv|install|ln|ls"
    "|mkdir|mv|objcopy"
    "|patchelf|pushd|ranlib|rm|rmdir|rsync|sed|sort|strip|tail|tee|touch|xargs"
)

SYSTEM_RULES = (
    # the shell
    _rule(
        "shell",
        "not found|No such file|Permission denied|yntax error|no job control|unbound|can't cd|cannot|bad"
        " subst"
        "|unexpected|s a directory|ot a directory|invalid option",
        r"[^\s:]+: (?:-c: )?(?:line )?\d+: .*(?:not found|No such file or directory|Permission denied"
        r"|[Ss]yntax error|no job "
        r"control|unbound variable|can't cd|cannot|bad substitution|unexpected|Is a directory|Not a"
        r" directory|invalid option)",
    ),
    _rule(
        "shell",
        "not found|No such file|Permission denied",
        r"(?:/usr)?(?:/bin/)?(?:ba|da|k|z)?sh: .*(?:not found|No such file or directory|Permission denied)",
        Rank.SYMPTOM,
    ),
    _rule(
        "coreutils",
        "annot |an't |missing |nvalid |nrecogni|No such|expression|failed|nknown |omitting|are the same"
        "|s a directory",
        rf"(?:/usr)?(?:/s?bin/)?(?:{_COREUTILS}): (?!warning|setting|preserving|creating)",
    ),
    _rule(
        "system",
        "No space left|annot allocate memory|memory exhausted|ut of memory|quota exceeded",
        r".*(?:No space left on device|Cannot allocate memory|virtual memory exhausted|[Oo]ut of memory"
        r"|quota exceeded)",
    ),
    _rule(
        "c++",
        "terminate called|ssertion|*** buffer|*** stack",
        r"terminate called after throwing|.*: [Aa]ssertion .*failed\.?$|\*\*\* (?:buffer overflow|stack"
        r" smashing) detected",
    ),
    _rule(
        "system",
        "Killed|Segmentation fault|Bus error|Aborted|Terminated|Illegal instruction|Floating point exc",
        r"(?:[^\s:]+: )?(?:line )?(?:\d+: +)?(?:\d+ )?(?:Killed|Segmentation fault|Bus error|Aborted"
        r"|Terminated|Illegal "
        r"instruction|Floating point exception)\b",
        Rank.SYMPTOM,
    ),
    # patch, archives
    _rule(
        "patch",
        "hunk|to patch|patch: ",
        r"\d+ out of \d+ hunks? (?:FAILED|failed)|can't find file to patch|patch: \*\*\*\* |error: patch"
        r" failed: ",
    ),
    _rule(
        "patch",
        "Hunk #|Reversed |hunk",
        r"Hunk #\d+ FAILED|Reversed \(or previously applied\) patch|\d+ out of \d+ hunks? ignored",
        Rank.SYMPTOM,
    ),
    _rule(
        "tar",
        "tar: ",
        r"(?:\S*/)?(?:bsd)?tar: (?!Read \d|Removing leading|Error is not|Exiting with|Unexpected EOF"
        r"|Child returned|Ignoring"
        r"|Record size|Skipping|\S+: (?:time stamp|implausibly))",
    ),
    _rule(
        "tar",
        "tar: ",
        r"(?:\S*/)?(?:bsd)?tar: (?:Error is not|Exiting with|Unexpected EOF|Child returned)",
        Rank.RESULT,
    ),
    _rule(
        "archives",
        "gzip: |bzip2: |xz: |zstd: |unzip: |lzma: |cpio: |unsquashfs: ",
        r"(?:\S*/)?(?:gzip|bzip2|xz|zstd|unzip|lzma|cpio|unsquashfs): (?!warning)",
    ),
    # git, downloads, documents
    _rule("git", "fatal: ", r"fatal: "),
    _rule(
        "curl",
        "curl: (|wget: |not resolve host|failure in name",
        r"curl: \(\d+\) |wget: |.*(?:Could not resolve host|Temporary failure in name resolution)",
    ),
    _rule(
        "xml",
        "I/O error : |validity error : |parser error : ",
        r"(?:\S+ )?(?:I/O|validity|parser) error : ",
        Rank.SYMPTOM,
    ),
    _rule("latex", "! ", r"! \S"),
    # rpmbuild
    _rule(
        "rpm",
        "(but unpackaged)",
        r"(?:error: |\s*)Installed \(but unpackaged\) file\(s\) found:",
        detail=r"\s+/",
        within=3,
        limit=3,
    ),
    _rule(
        "rpm", "Failed build dep", r"error: Failed build dependencies:", detail=r"\s+\S", within=3, limit=3
    ),
    _rule(
        "rpm",
        "ERROR |ERROR: |in installed files|Arch dependent",
        r"ERROR +\d{4}: file |\*\*\* ERROR: |Found '.*' in installed files|error: Arch dependent binaries",
    ),
    _rule(
        "rpm",
        "Missing build-id|File not found|Bad file|Bad source|Bad syntax|Could not open|Arch dependent"
        "|Empty %files",
        r"    (?:Missing build-id|File not found|Bad (?:file|source|syntax)|Could not open|Arch dependent"
        r"|Empty %files)",
        Rank.SYMPTOM,
    ),
    _rule("rpm", "Bad exit status", r"(?:error: |\s*)Bad exit status from ", Rank.PACKAGE),
    _rule("rpm", "RPM build errors", r"RPM build errors:", Rank.PACKAGE),
    _rule(
        "mock",
        "Command failed|Exception(|Copr build",
        r"(?:\S+: )?.*Command failed|ERROR: Exception\(|Copr build error",
        Rank.PACKAGE,
    ),
)

# What no tool of the tables above has printed.
COMMON_RULES = (
    _rule("any", "error: ", r"(?:[\w./+-]+: )?(?:fatal )?error: \S"),
    _rule(
        "any",
        "Error: |ERROR: |FATAL: |CRITICAL: |E: ",
        r"(?:[\w./+-]+: )?(?:Fatal |FATAL )?(?:Error|ERROR|FATAL|CRITICAL|E): \S",
        Rank.SYMPTOM,
    ),
    _rule("any", "Error:|ERROR:", r"(?:Error|ERROR):$", Rank.SYMPTOM),
    _rule(
        "any",
        "nable to |annot |an't |ould not |ouldn't |ailed to |nrecognized |nvalid |issing |nknown ",
        r"(?:[\w./-]+: )?(?:[Uu]nable to|[Cc]annot|[Cc]an't|[Cc]ould not|[Cc]ouldn't|[Ff]ailed to) \w"
        r"|[\w./-]+: (?:unrecognized|invalid|missing|unknown) ",
        Rank.SYMPTOM,
    ),
    _rule(
        "any",
        "not found|uch command",
        r".+: (?:command not found|[Nn]o such command|not found)$",
        Rank.SYMPTOM,
    ),
    _rule(
        "any",
        "No such file|Permission denied|s a directory|ot a directory|Text file busy|Read-only file",
        r".+(?:No such file or directory|Permission denied|Is a directory|Not a directory|Text file busy"
        r"|Read-only file "
        r"system)\.?$",
        Rank.SYMPTOM,
    ),
)

# Messages of package managers about what cannot be installed, downloaded or verified.
DEPENDENCY_RULES = (
    _rule(
        "dnf",
        "No match|a match:|No package |no such package",
        r".*(?:No matching package to install|No match for argument|Unable to find a match|No package .+"
        r" available|no such "
        r"package)",
    ),
    _rule("dnf", "nothing provides", r".*\bnothing provides\b"),
    _rule(
        "rpm",
        "Failed build dep|Failed dep",
        r"error: Failed (?:build )?dependencies:",
        detail=r"\s+\S",
        within=3,
        limit=3,
    ),
    _rule("yum", "Error: Package: ", r"Error: Package: ", Rank.SYMPTOM, detail=r"\s*Requires: "),
    _rule(
        "dnf",
        "conflicts with|cannot install both|is filtered out|distupgrade|none of the providers",
        r".*(?:conflicts with|cannot install both|is filtered out by|does not belong to a distupgrade"
        r"|none of the providers)",
        Rank.SYMPTOM,
    ),
    _rule(
        "dnf",
        "GPG check FAILED|Public key for|is not signed|checksum doesn",
        r".*(?:GPG check FAILED|Public key for|is not signed|checksum doesn't match)",
        Rank.SYMPTOM,
    ),
    _rule(
        "dnf",
        "Failed to download|Cannot download|Cannot retrieve|synchronize cache|Curl error|Status code: "
        "|mirrors were tried",
        r".*(?:Failed to download metadata|Cannot download|Cannot retrieve|Failed to synchronize cache"
        r"|Curl error|Status code: "
        r"\d|All mirrors were tried)",
        Rank.RESULT,
    ),
)
