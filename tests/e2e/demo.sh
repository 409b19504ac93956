#!/bin/sh
# The demo pipeline: what it makes is what the same commands make by hand, and its provenance is what strace sees.
. "$(dirname "$0")/lib.sh"

survey() {
    "$SOURCE/tools/demo/survey" -j 2 "$@"
}

simulate() {
    "$SIMULATE" sky
    survey --data sky --instrument "$SOURCE/tools/demo/instruments/simcam.yaml" out "$@"
}

# by_hand: does the latest run of out/repo again by hand, and compares.
by_hand() {
    chain=$(registry out/repo "SELECT name FROM collection WHERE name LIKE 'u/%/coadd'")
    run=$(latest_run out/repo "$chain")
    mount_at out/repo mnt
    /usr/bin/python3 "$SOURCE/tests/e2e/by_hand.py" mnt "$run" "$SOURCE/tools/demo/pipelines/coadd.yaml" out/input hand
    status=$?
    "$VBUTLER" umount mnt
    return $status
}

need_decam() {
    [ -d "$VB_SHARED/data/decam" ] || skip "the DECam exposures are not here"
}

test_a_simulated_survey_is_what_the_same_commands_make_by_hand() {
    need_demo_programs
    need_fuse
    simulate
    by_hand >done
    grep -q '^149 quanta, 149 watched' done
    check_store out/repo
}

test_decam_is_what_the_same_commands_make_by_hand() {
    need_decam
    need_demo_programs
    need_fuse
    survey --data "$VB_SHARED/data/decam" out
    vb report out/repo "$(registry out/repo "SELECT name FROM collection WHERE name LIKE 'u/%/coadd'")" --format csv >report
    expect_equal "$(awk -F, 'NR > 1 {n += $2; bad += $3 + $4} END {print n, bad}' report)" "35 0"
    by_hand >done
    grep -q '^35 quanta, 35 watched' done
    check_store out/repo
}

# The comparison itself: a file of the camera that is not the one that was ingested is found out.
test_another_image_is_told_from_the_one_that_was_ingested() {
    need_demo_programs
    need_fuse
    simulate
    image=$(sed -n '/_ooi_/{s/\t.*//;p;q;}' out/input/images.tsv)
    size=$(stat -c %s "$image")
    dd if=/dev/zero of="$image" bs=2880 count=20 seek=$((size / 2880 / 2)) conv=notrunc status=none
    ! by_hand >found 2>&1 || fail "nobody noticed"
    grep -q 'differs from' found || fail "$(cat found)"
}

test_without_fuse_the_outputs_are_the_same() {
    need_demo_programs
    need_fuse
    "$SIMULATE" sky
    [ "$(id -u)" = 0 ] || skip "needs root to hide /dev/fuse"
    # A /dev without fuse, in a mount namespace of its own.
    unshare --mount sh -ec '
        mkdir dev
        mount -t tmpfs none dev
        for node in null zero urandom random tty full; do touch dev/$node; mount --bind /dev/$node dev/$node; done
        ln -s /proc/self/fd dev/fd
        mkdir dev/shm
        mount --move dev /dev
        "$0" -j 2 --data sky --instrument "$1" out
    ' "$SOURCE/tools/demo/survey" "$SOURCE/tools/demo/instruments/simcam.yaml"
    by_hand >done
    expect_equal "$(cat done)" "149 quanta, 0 watched, 222 files made by hand"
    check_store out/repo
}

run_tests "$@"
