#!/usr/bin/env bash
# Builds the static binary and its container image: `make image`.
# BUILDER=buildah|podman|docker selects the program that builds the image. The default is the first one that works.
set -euo pipefail
cd "$(dirname "$0")/.."

LIMIT_MIB=20

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

mib() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'; }

host=$(rustc --version --verbose | sed -n 's/^host: //p')
[[ $host == *-linux-* ]] || die "the image can only be built on Linux; this is $host"

builder=${BUILDER:-}
if [[ -z $builder ]]; then
    for candidate in buildah podman docker; do
        # A docker client cannot build without its daemon.
        if command -v "$candidate" >/dev/null && { [[ $candidate != docker ]] || docker info >/dev/null 2>&1; }; then
            builder=$candidate
            break
        fi
    done
    [[ -n $builder ]] || die "install buildah (apt-get install buildah, dnf install buildah), Podman or Docker to build the image"
fi

package=$(cargo pkgid --locked --package responsibility-operator)
version=${package##*[#@]}
revision=$(git describe --always --dirty --abbrev=40 --exclude '*')
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
created=$(date --utc --date "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
image=localhost/responsibility-operator:$version
out=target/image
archive=$out/responsibility-operator-$version.oci.tar

# The build has its own folder, because cargo compiles all crates again when these flags change. The flags replace the paths of
# this machine, so that the same sources give the same binary on other machines.
printf -v CARGO_ENCODED_RUSTFLAGS '%s\x1f' -Ctarget-feature=+crt-static \
    "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
CARGO_ENCODED_RUSTFLAGS+="--remap-path-prefix=$PWD=/src"
# Relocations as a bitmap save 0.7 MiB. The C library applies them from glibc 2.36 on.
glibc=$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)
if [[ $(printf '%s\n' 2.36 "$glibc" | sort --version-sort | head -n1) == 2.36 ]]; then
    CARGO_ENCODED_RUSTFLAGS+=$'\x1f-Clink-arg=-Wl,-z,pack-relative-relocs'
fi
# On x86-64, the linker of the Rust toolchain merges identical functions.
[[ $host != x86_64-* ]] || CARGO_ENCODED_RUSTFLAGS+=$'\x1f-Clink-arg=-Wl,--icf=all'
export CARGO_ENCODED_RUSTFLAGS SOURCE_DATE_EPOCH
# arm64 nodes have pages of 4, 16 or 64 KiB. An allocator for the largest pages works on all of them.
[[ $host != aarch64-* ]] || export JEMALLOC_SYS_WITH_LG_PAGE=16
# auditable adds the list of crates to the binary, for scanners. The image has the time of the commit. C compilers get a
# fixed time, because a new time makes cargo compile crates with C sources, and most other crates, again.
SOURCE_DATE_EPOCH=0 cargo auditable build --locked --profile image --features jemalloc --bin responsibility-operator --target "$host" --target-dir "$out/build"

mkdir -p "$out/context"
binary=$out/context/responsibility-operator
install -m 0755 "$out/build/$host/image/responsibility-operator" "$binary"
headers=$(readelf --program-headers --dynamic --wide "$binary")
! grep -E 'INTERP|NEEDED' <<<"$headers" || die "$binary is not a static binary"
grep --quiet --text 'narenas:1,' "$binary" || die "$binary lacks the allocator settings of .cargo/config.toml"
[[ $("$binary" --version) == "responsibility-operator $version" ]] || die "$binary does not have version $version"

build=(build --file deploy/Containerfile --tag "$image"
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "CREATED=$created")
rm -f "$archive"
case $builder in
    buildah)
        # A container may not allow overlay mounts and user namespaces, even for root.
        buildah info >/dev/null 2>&1 || export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
        buildah "${build[@]}" --timestamp "$SOURCE_DATE_EPOCH" "$out/context"
        buildah push --quiet "$image" "oci-archive:$archive:$image"
        ;;
    podman)
        podman "${build[@]}" --timestamp "$SOURCE_DATE_EPOCH" "$out/context"
        podman save --quiet --format oci-archive --output "$archive" "$image"
        ;;
    docker)
        docker "${build[@]}" "$out/context"
        docker save --output "$archive" "$image"
        ;;
    *) die "BUILDER=$builder is not valid; write buildah, podman or docker" ;;
esac

# The size of the image on a node is that of the binary. The size of a pull is that of the archive.
printf '%s, built by %s\n' "$image" "$builder"
for file in "$binary" "$archive"; do
    size=$(stat --format %s "$file")
    printf '%s  %s\n' "$(mib "$size")" "$file"
    ((size <= LIMIT_MIB * 1048576)) || die "$file is larger than $LIMIT_MIB MiB"
done
