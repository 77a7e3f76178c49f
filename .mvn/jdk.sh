# Sourced by ./guestmem and ./mvnw: sets JAVA_HOME to a JDK of at least 25, or exits 69 and says what to install.
# A JAVA_HOME that is wrong or too old is skipped, not trusted. No JVM is started: the `release` file tells.

guestmem_jdk_version() { # sets version to the feature version of the JDK in $1, or to nothing; starts no program: every start waits for it
    local line
    version=
    [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 0
    while IFS= read -r line; do
        case $line in
            JAVA_VERSION=\"*)
                version=${line#*\"}
                version=${version%%[!0-9]*}
                ;;
        esac
    done <"$1/release"
}

guestmem_find_jdk() {
    local javac candidate version
    javac=$(command -v javac 2>/dev/null) && javac=$(readlink -f "$javac") && javac=${javac%/bin/javac}
    for candidate in "${GUESTMEM_JAVA_HOME:-}" "${JAVA_HOME:-}" "${javac:-}" \
        /usr/lib/jvm/* /opt/*jdk* /opt/java/* "${HOME:-/root}"/.jdks/* "${HOME:-/root}"/.sdkman/candidates/java/*; do
        [ -n "$candidate" ] || continue
        guestmem_jdk_version "$candidate"
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
