package io.guestmem.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** A table of text with aligned columns; numbers to the right. Not thread-safe. */
final class TextTable {
    private final List<Column> columns;
    private final List<List<String>> rows = new ArrayList<>();

    /**
     * A column.
     *
     * @param title its heading
     * @param right whether its cells stand to the right
     */
    record Column(String title, boolean right) {
        static Column left(String title) {
            return new Column(title, false);
        }

        static Column right(String title) {
            return new Column(title, true);
        }
    }

    TextTable(Column... columns) {
        this.columns = List.of(columns);
    }

    /** Adds a row; fewer cells than columns leave the rest empty, and the last one may be longer than its column. */
    void add(String... cells) {
        rows.add(List.of(cells));
    }

    void print(PrintWriter out) {
        int[] widths = new int[columns.size()];
        for (int i = 0; i < widths.length; i++) {
            widths[i] = width(i);
        }
        print(out, widths, columns.stream().map(Column::title).toList());
        rows.forEach(row -> print(out, widths, row));
    }

    /** The last cell of a short row does not widen its column. */
    private int width(int column) {
        int width = columns.get(column).title().length();
        for (List<String> row : rows) {
            if (column < row.size() && (row.size() == columns.size() || column < row.size() - 1)) {
                width = Math.max(width, row.get(column).length());
            }
        }
        return width;
    }

    private void print(PrintWriter out, int[] widths, List<String> cells) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < cells.size(); i++) {
            String cell = cells.get(i);
            String padding = " ".repeat(Math.max(0, widths[i] - cell.length()));
            boolean right = columns.get(i).right() && (cells.size() == columns.size() || i < cells.size() - 1);
            line.append(i == 0 ? "" : "  ").append(right ? padding + cell : cell + padding);
        }
        out.println(line.toString().stripTrailing());
    }
}
