package io.guestmem.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.soft.Schedule;
import io.guestmem.soft.SeededSchedule;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ReadSectionsTest {
    @Test
    void aTableIsUsedAgainWhenItsReadersHaveLeft() {
        ReadSections readers = new ReadSections(Schedule.FREE);
        KernelMemory memory = new KernelMemory();
        try (PageTables tables = new PageTables(readers, memory)) {
            ReadSections.Reader reader = readers.add();
            readers.enter(reader);
            long table = tables.allocate(0, 1);
            tables.retire(table);
            List<Long> taken = new ArrayList<>();
            for (int i = 0; i < 600; i++) {
                taken.add(tables.allocate(0, 1));
            }
            assertThat(taken).doesNotContain(table);
            readers.exit(reader);
            for (int i = 0; i < 600; i++) {
                taken.add(tables.allocate(0, 1));
            }
            assertThat(taken).contains(table).doesNotHaveDuplicates();
            assertThat(memory.bytes()).isGreaterThanOrEqualTo(taken.size() * PageTables.TABLE_SIZE);
        }
        assertThat(memory.bytes()).isZero();
    }

    @Test
    void sectionsThatNestEndWithTheOutermost() {
        ReadSections readers = new ReadSections(Schedule.FREE);
        ReadSections.Reader reader = readers.add();
        readers.enter(reader);
        readers.enter(reader);
        long stamp = readers.stamp();
        readers.exit(reader);
        assertThat(readers.isOver(stamp)).isFalse();
        readers.exit(reader);
        assertThat(readers.isOver(stamp)).isTrue();
        readers.enter(reader);
        assertThat(readers.isOver(stamp)).as("entered afterwards").isTrue();
    }

    @Test
    void aWriterWaitsForReadersAndNewReadersForTheWriter() {
        SeededSchedule schedule = new SeededSchedule(1);
        MmuLock lock = new MmuLock(schedule);
        int[] inside = new int[2];
        List<Runnable> tasks = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            int stripe = i;
            tasks.add(() -> {
                for (int round = 0; round < 50; round++) {
                    lock.lockRead(stripe);
                    inside[0]++;
                    schedule.point(Schedule.Point.WAITING);
                    assertThat(inside[1]).isZero();
                    inside[0]--;
                    lock.unlockRead(stripe);
                }
            });
            tasks.add(() -> {
                for (int round = 0; round < 50; round++) {
                    lock.lockWrite();
                    inside[1]++;
                    schedule.point(Schedule.Point.WAITING);
                    assertThat(inside).containsExactly(0, 1);
                    inside[1]--;
                    lock.unlockWrite();
                }
            });
        }
        schedule.run(tasks);
        assertThat(inside).containsExactly(0, 0);
    }
}
