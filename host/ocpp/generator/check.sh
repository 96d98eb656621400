#!/bin/sh
# Compares the checked-in declarations with freshly generated ones.
#   check.sh SCHEMAS     (the folder that holds v16/schemas, v201/schemas and v21/schemas)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 "$here/generate.py" "$1" "$scratch"
for version in v16 v201 v21; do
    diff -u "$here/../src/$version.rs" "$scratch/$version.rs"
    diff -ru "$here/../src/$version" "$scratch/$version"
done
echo "declarations are fresh"
