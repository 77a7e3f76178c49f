package io.guestmem.pager;

import java.nio.file.Path;

/**
 * Where that stands which outlives the server of a VM.
 *
 * @param journal see {@link Journal}
 * @param pages see {@link PageStates}
 * @param dirty see {@link DirtyPages}; not there if writes are not tracked
 * @param touches see {@link io.guestmem.pager.workingset.Recorder}; not there if nothing is recorded
 */
record VmFiles(Path journal, Path pages, Path dirty, Path touches) {}
