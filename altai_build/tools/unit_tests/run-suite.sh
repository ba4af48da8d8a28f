#!/bin/sh
# Runs the unit tests of a source package in a buildroot; rpmbuild calls it from the sections of a spec.
#
#   run-suite.sh unpack SOURCE_PACKAGE   the sections of the component's own spec that come before its tests
#   run-suite.sh test                    the suite, and what failed again
#
# The file suite.conf beside it sets the variables in capitals; the files command and rerun are scripts for sh.
# POSIX sh and the coreutils of EL6: it runs in the buildroots of old distributions.
set -eu

sources=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$sources/suite.conf"
top=$PWD/t
results=$PWD/results
log_limit=8388608 # bytes of a suite's output that are kept
file_limit=33554432
most_files=200

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# unpack SOURCE_PACKAGE: %prep, or %prep and %build, of the component's own spec, in a folder of its own.
unpack() {
    rm -rf "$top"
    mkdir -p "$top" "$top/BUILD" "$top/home"
    rpm --define "_topdir $top" --define "_dbpath $top/rpmdb" --install --nodeps --nosignature "$1"
    step=-bp
    if [ "$START" = build ]; then
        step=-bc
    fi
    set -- --nodeps --target "$TARGET" --define "_topdir $top"
    # Where a section ends is where its files are.
    set -- "$@" --define "__spec_prep_post pwd >$top/prep.folder; %{___build_post}"
    set -- "$@" --define "__spec_build_post pwd >$top/build.folder; %{___build_post}"
    if [ "$COVERAGE" = lcov ]; then
        set -- "$@" --define "optflags $(rpm --eval '%{?optflags}') --coverage"
    fi
    rpmbuild "$step" "$@" "$top"/SPECS/*.spec
}

# The folder that %prep ends in, or the only one that it has unpacked.
find_source() {
    base=$top/BUILD
    for one in "$base"/*/; do
        # Newer rpm unpacks below a folder of its own.
        if [ -d "${one}SPECPARTS" ]; then
            base=${one%/}
        fi
    done
    folder=$(cat "$top/prep.folder" 2>/dev/null || :)
    case $folder in
        "$base"/?*) ;;
        *)
            find_only_folder
            folder=$chosen
            ;;
    esac
    if [ -n "$DIRECTORY" ]; then
        for one in "$folder/$DIRECTORY" "$base/$DIRECTORY"; do
            if [ -d "$one" ]; then
                printf '%s\n' "$one"
                return
            fi
        done
        fail "the source has no folder $DIRECTORY (components.$COMPONENT.test.directory in repos.yaml)"
    fi
    if [ -z "$folder" ]; then
        fail "%prep ends in no source folder and unpacks several: $names(name one by components.$COMPONENT.test.directory in repos.yaml)"
    fi
    printf '%s\n' "$folder"
}

# Sets chosen to the folder in $base, where it is one alone, to $base where it has none, else to nothing.
find_only_folder() {
    names=
    chosen=$base
    for one in "$base"/*/; do
        case ${one#"$base/"} in
            '*/' | SPECPARTS/ | *BUILDROOT/) continue ;;
        esac
        if [ -n "$names" ]; then
            chosen=
        else
            chosen=${one%/}
        fi
        one=${one%/}
        names="$names${one##*/} "
    done
}

# first_with NAME FOLDER: the folder next to the top that has a file of this name.
first_with() {
    find "$2" -maxdepth 5 -name "$1" -type f -print 2>/dev/null |
        awk '{ depth = gsub("/", "/"); if (!best || depth < best) { best = depth; path = $0 } } END { if (best) print path }' |
        sed 's,/[^/]*$,,'
}

# Where a kind of suite is run: the build folder of programs that have one.
find_place() {
    place=
    built=$(cat "$top/build.folder" 2>/dev/null || :)
    if [ -z "$DIRECTORY" ]; then
        case $KIND in
            "make check")
                if [ -e "$built/Makefile" ] && [ -e "$built/config.status" ]; then
                    place=$built
                else
                    place=$(first_with config.status "$source")
                fi
                ;;
            ctest) place=$(first_with CTestTestfile.cmake "$source") ;;
            meson)
                place=$(first_with build.ninja "$source")
                ;;
        esac
    fi
    printf '%s\n' "${place:-$source}"
}

# What Python needs to find the source, locked projects and a project's own version.
prepare_python() {
    UNITTEST=unittest
    if [ -n "$RECORD" ]; then
        UNITTEST=altai_test_unittest
    fi
    DISCOVER="$PYTHON -m unittest discover"
    if ! $PYTHON -c 'import sys; sys.exit(sys.version_info < (2, 7))'; then
        DISCOVER="unit2 discover"
    fi
    # What a project says itself about what is measured counts.
    if ! { [ -e .coveragerc ] || grep -qs 'coverage:run' setup.cfg tox.ini || grep -qs 'tool\.coverage' pyproject.toml; }; then
        COVERAGE_OPTIONS="$COVERAGE_OPTIONS --source=."
    fi
    PYTHONPATH=$place
    if [ -d "$place/src" ] && [ ! -e "$place/src/__init__.py" ]; then
        PYTHONPATH=$PYTHONPATH:$place/src
    fi
    locked=$top/locked
    for file in "$sources"/*.whl; do
        [ -e "$file" ] || continue
        $PYTHON -m zipfile -e "$file" "$locked"
    done
    complete_namespaces
    for file in $SDISTS; do
        install_sdist "$sources/$file"
    done
    export PYTHONPATH="$PYTHONPATH:$locked" PYTHONDONTWRITEBYTECODE=1
    if [ "$COVERAGE" = coverage.py ]; then
        choose_coverage_settings
        DISCOVER="$PYTHON -m coverage run $COVERAGE_OPTIONS -m $UNITTEST discover"
    fi
    if [ -n "$RECORD" ]; then
        start_record
    fi
    if [ -e setup.py ]; then
        # Entry points and versions are looked up in its metadata. What fails here fails in the tests that need it.
        (
            export PBR_VERSION="$VERSION" SETUPTOOLS_SCM_PRETEND_VERSION="$VERSION"
            $PYTHON setup.py -q egg_info || :
            if [ "$START" = build ]; then
                $PYTHON setup.py -q build_ext --inplace || :
            fi
        ) </dev/null
    fi
    if [ "$COVERAGE" = coverage.py ]; then
        PYTHON="$PYTHON -m coverage run $COVERAGE_OPTIONS"
    fi
    export PYTHON DISCOVER
}

# Settings of the project that this version of coverage.py refuses would end each run before its first test.
choose_coverage_settings() {
    if ! $PYTHON -m coverage debug config >"$top/coverage.settings" 2>&1; then
        cp "$top/coverage.settings" "$results/coverage.log"
        : >"$top/coveragerc"
        COVERAGE_FILES="--rcfile=$top/coveragerc"
        COVERAGE_OPTIONS="$COVERAGE_OPTIONS $COVERAGE_FILES"
    fi
}

# It is recorded what each test runs, and tests that a change does not affect are left out (selection.json).
start_record() {
    record=$top/record
    plugins=$top/plugins
    information=$plugins/altai_test_contexts.egg-info
    mkdir -p "$record" "$information"
    cp "$sources"/altai_test_*.py "$plugins/"
    printf 'Metadata-Version: 1.0\nName: altai-test-contexts\nVersion: 1\n' >"$information/PKG-INFO"
    printf '[nose.plugins.0.10]\naltai-contexts = altai_test_nose:NosePlugin\n' >"$information/entry_points.txt"
    if ! $INTERPRETER "$sources/altai_test_record.py" start "$source" "$record" "$sources" </dev/null; then
        RECORD=
        return
    fi
    export PYTHONPATH="$PYTHONPATH:$plugins" ALTAI_CONTEXTS="$record" ALTAI_SOURCE="$source"
    case $KIND in
        pytest) export PYTEST_PLUGINS=altai_test_pytest ;;
        nose) export NOSE_WITH_ALTAI_CONTEXTS=1 ;;
    esac
}

# finish_record: the record of this run, with what tests ran that were left out; their coverage is added to that of the run.
finish_record() {
    $INTERPRETER "$sources/altai_test_record.py" finish "$source" "$record" "$sources" "$results"
    if [ -e "$COVERAGE_FILE.carried" ]; then
        # shellcheck disable=SC2086 # an option, or nothing
        $INTERPRETER -m coverage combine --append $COVERAGE_FILES "$COVERAGE_FILE.carried"
    fi
}

# Before Python 3.3 a folder without __init__.py is no package. Wheels of namespace packages have files *-nspkg.pth instead,
# which count in site-packages alone.
complete_namespaces() {
    if $PYTHON -c 'import sys; sys.exit(sys.version_info < (3, 3))'; then
        return
    fi
    cat "$locked"/*.dist-info/namespace_packages.txt 2>/dev/null | while read -r name; do
        init=$locked/$(printf '%s' "$name" | tr . /)/__init__.py
        [ -e "$init" ] ||
            printf "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n" >"$init"
    done
}

install_sdist() {
    folder=$top/sdist
    rm -rf "$folder"
    mkdir "$folder"
    tar -C "$folder" -xf "$1"
    # What its setup.py needs is locked too, and already there where that is a wheel.
    (cd "$folder"/* && PYTHONPATH=$locked $PYTHON setup.py -q build --build-lib "$locked") </dev/null
}

# run NUMBER SCRIPT: one run of the suite; its status, its output, and what it writes to $ALTAI_TEST_RESULTS.
run() {
    ALTAI_TEST_RESULTS=$top/run-$1
    GO_COVERAGE=
    if [ "$COVERAGE" = go ]; then
        GO_COVERAGE="-coverprofile=$ALTAI_TEST_RESULTS/cover.out"
    fi
    if [ "$COVERAGE" = coverage.py ]; then
        export COVERAGE_FILE="$top/.coverage"
    fi
    if [ "$COVERAGE" = lcov ]; then
        # For what the suite compiles itself.
        export CFLAGS=--coverage CXXFLAGS=--coverage LDFLAGS=--coverage
    fi
    export ALTAI_TEST_RESULTS GO_COVERAGE JOBS
    mkdir -p "$ALTAI_TEST_RESULTS" "$results/$1"
    began=$(date +%s)
    status=0
    # shellcheck disable=SC2086 # an option with its value, or nothing
    HOME=$top/home timeout $KILL_AFTER "$TIMEOUT" sh -e "$2" </dev/null >"$ALTAI_TEST_RESULTS/.log" 2>&1 || status=$?
    elapsed=$(($(date +%s) - began))
    ended=
    case $status in
        # What timeout(1) exits with, and what others can exit with, too.
        124 | 137) [ "$elapsed" -lt "$TIMEOUT" ] || ended=' timeout' ;;
    esac
    printf '%s %s%s\n' "$status" "$elapsed" "$ended" >"$results/$1/status"
    keep_log "$ALTAI_TEST_RESULTS/.log" "$results/$1/log"
    keep_reports "$1"
    tail -n 100 "$results/$1/log"
    echo "the suite has ended with exit status $status"
}

# keep_log LOG COPY: the beginning and the end of a long one.
keep_log() {
    size=$(wc -c <"$1")
    if [ "$size" -le "$log_limit" ]; then
        cp "$1" "$2"
    else
        {
            head -c $((log_limit / 4)) "$1"
            printf '\n[… %s bytes are left out …]\n' $((size - log_limit))
            tail -c $((log_limit * 3 / 4)) "$1"
        } >"$2"
    fi
}

keep_reports() {
    found=0
    if [ "$KIND" = meson ] && [ -f meson-logs/testlog.junit.xml ]; then
        cp meson-logs/testlog.junit.xml "$ALTAI_TEST_RESULTS/"
    fi
    for file in "$ALTAI_TEST_RESULTS"/*.xml "$ALTAI_TEST_RESULTS"/lcov.info "$ALTAI_TEST_RESULTS"/cover.out; do
        { [ -f "$file" ] && [ ! -L "$file" ]; } || continue
        if [ "$(wc -c <"$file")" -gt "$file_limit" ]; then
            printf '%s\n' "${file##*/}" >>"$results/too-large"
            continue
        fi
        case ${file##*/} in
            coverage.xml | lcov.info | cover.out) cp "$file" "$results/" ;;
            *)
                found=$((found + 1))
                [ "$found" -le "$most_files" ] || break
                cp "$file" "$results/$1/junit-$found.xml"
                ;;
        esac
    done
}

keep_coverage() {
    case $COVERAGE in
        coverage.py)
            (
                export COVERAGE_FILE="$top/.coverage"
                # shellcheck disable=SC2086 # an option, or nothing
                $INTERPRETER -m coverage combine $COVERAGE_FILES || :
                if [ -n "$RECORD" ]; then
                    finish_record || :
                fi
                # shellcheck disable=SC2086
                $INTERPRETER -m coverage xml -i -o "$results/coverage.xml" $COVERAGE_FILES
            ) >>"$results/coverage.log" 2>&1 </dev/null || :
            ;;
        lcov)
            lcov --capture --directory "$source" --output-file "$results/lcov.info" \
                >"$results/coverage.log" 2>&1 </dev/null || :
            ;;
    esac
}

run_tests() {
    rm -rf "$results"
    mkdir -p "$results"
    source=$(find_source)
    place=$(find_place)
    printf '%s\n' "$source" >"$results/folder"
    cd "$place"
    KILL_AFTER=
    if timeout --help 2>&1 | grep -q -e --kill-after; then
        KILL_AFTER=--kill-after=10
    fi
    INTERPRETER=$PYTHON
    COVERAGE_FILES=
    if [ -n "$PYTHON" ]; then
        prepare_python
    fi
    run 1 "$sources/command"
    attempt=1
    while [ "$status" -ne 0 ] && [ "$attempt" -le "$RERUNS" ]; do
        attempt=$((attempt + 1))
        run "$attempt" "$sources/rerun"
    done
    keep_coverage
    if [ "$status" -eq 0 ]; then
        : >"$results/passed"
    fi
}

case $1 in
    unpack) unpack "$2" ;;
    test) run_tests ;;
    *) fail "unknown step $1" ;;
esac
