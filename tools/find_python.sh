#!/bin/sh
# Prints the Python that sets up the course: the first from 3.10 to 3.13. PYTHON=... names one.
unset PYTHONHOME PYTHONPATH  # they belong to another Python
in_range='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'

if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
else
    set -- .venv/bin/python python3 python3.13 python3.12 python3.11 python3.10 python
fi

for candidate in "$@"; do
    if "$candidate" -c "$in_range" 2>/dev/null; then
        printf '%s\n' "$candidate"
        exit 0
    fi
done

if [ -n "${PYTHON:-}" ]; then
    echo "PYTHON=$PYTHON is $("$PYTHON" --version 2>&1 | head -n 1)" >&2
    echo "The course needs Python 3.10, 3.11, 3.12 or 3.13. Name one of these, or leave PYTHON out." >&2
else
    cat >&2 <<EOF
The course needs Python 3.10, 3.11, 3.12 or 3.13, and none was found
(python3 is: $(python3 --version 2>&1 | head -n 1)). Install one:
  Debian, Ubuntu   sudo apt install python3 python3-venv
  Fedora           sudo dnf install python3.12
  macOS            brew install python@3.12, or the installer from python.org
  conda            conda env create --file environment.yml, see README.md
If you have one elsewhere: make lab PYTHON=/path/to/python3.12
EOF
fi
exit 1
