package io.guestmem.measure.explain;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Settings that differ from those that were given.
 *
 * @param changes in words
 * @param settings with the changes
 */
record Variation<S>(List<String> changes, S settings) {
    /**
     * One change of one setting.
     *
     * @param words what is changed
     * @param operator how
     */
    record Change<S>(String words, UnaryOperator<S> operator) {}

    /**
     * All combinations, with at most one change of each suspect; fewer changes come first.
     *
     * @param suspects what may be changed, each with its changes
     */
    static <S> List<Variation<S>> of(S settings, List<List<Change<S>>> suspects) {
        List<Variation<S>> all = new ArrayList<>(List.of(new Variation<>(List.of(), settings)));
        for (List<Change<S>> suspect : suspects) {
            for (Variation<S> each : List.copyOf(all)) {
                for (Change<S> change : suspect) {
                    List<String> changes = new ArrayList<>(each.changes);
                    changes.add(change.words);
                    all.add(new Variation<>(changes, change.operator.apply(each.settings)));
                }
            }
        }
        all.sort(Comparator.comparingInt(each -> each.changes.size()));
        return all;
    }
}
