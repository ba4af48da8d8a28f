#!/bin/sh
# date(1) at a fixed time: it stands before the real one in the sandbox of specs. Other times than now are those asked for.
# The two values are written by clock.py.
now=@NOW@
real=@REAL@

# Take the time that is asked for (-d) out of the arguments; the others keep their order.
kind=now
left=$#
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    case $word in
        --da*=*)
            kind=text text=${word#*=}
            continue
            ;;
        --da*)
            kind=text text=$1
            shift
            left=$((left - 1))
            continue
            ;;
        --f* | --ref* | --s* | --h* | --v*) kind=other ;;
        --* | -I*) ;;
        -*)
            letters=${word#-}
            while :; do
                case $letters in
                    [uR]?*) letters=${letters#?} ;;
                    *) break ;;
                esac
            done
            case $letters in
                d*)
                    kind=text text=${letters#d}
                    if [ -z "$text" ] && [ "$left" -gt 0 ]; then
                        text=$1
                        shift
                        left=$((left - 1))
                    fi
                    word=${word%%d*}
                    [ "$word" = - ] && continue
                    ;;
                [frs]*) kind=other ;;
            esac
            ;;
    esac
    set -- "$@" "$word"
done

case $kind in
    now) exec "$real" --date="@$now" "$@" ;;
    other) exec "$real" "$@" ;;
esac
# What is relative (yesterday) or says the time alone is completed by the fixed time or its day; what is neither is an
# error then. It stands first: behind a time -1 would be a time zone.
day=$("$real" --utc --date="@$now" '+%Y-%m-%d')
[ -z "$text" ] && text=00:00
"$real" --date="$text $day $("$real" --utc --date="@$now" '+%H:%M:%S UTC')" "$@" 2>/dev/null && exit
"$real" --date="$text $day" "$@" 2>/dev/null && exit
exec "$real" --date="$text" "$@"
