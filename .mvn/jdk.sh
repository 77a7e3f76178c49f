# Sourced by ./guestmem and ./mvnw: sets JAVA_HOME to a JDK of at least 25, or exits 69 and says what to install.
# A JAVA_HOME that is wrong or too old is skipped, not trusted. No JVM is started: the `release` file tells.

guestmem_jdk_version() { # the feature version of the JDK in $1, or nothing
    [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 0
    sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
}

guestmem_find_jdk() {
    local javac candidate version
    javac=$(command -v javac 2>/dev/null) && javac=$(readlink -f "$javac") && javac=${javac%/bin/javac}
    for candidate in "${GUESTMEM_JAVA_HOME:-}" "${JAVA_HOME:-}" "${javac:-}" \
        /usr/lib/jvm/* /opt/*jdk* /opt/java/* "${HOME:-/root}"/.jdks/* "${HOME:-/root}"/.sdkman/candidates/java/*; do
        [ -n "$candidate" ] || continue
        version=$(guestmem_jdk_version "$candidate")
        if [ "${version:-0}" -ge 25 ]; then
            JAVA_HOME=$candidate
            export JAVA_HOME
            return 0
        fi
    done
    echo "guestmem: no JDK of version 25 or later was found (looked at GUESTMEM_JAVA_HOME, JAVA_HOME, PATH, /usr/lib/jvm, /opt, ~/.jdks, ~/.sdkman)" >&2
    echo "guestmem: install one (Debian 13: apt-get install openjdk-25-jdk-headless) or set GUESTMEM_JAVA_HOME" >&2
    exit 69
}

guestmem_find_jdk
