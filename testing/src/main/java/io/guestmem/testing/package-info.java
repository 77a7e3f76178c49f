/**
 * What the tests of every room share: a skipped test says why. Found by JUnit as a service, on the class path of the tests.
 */
@NullMarked
package io.guestmem.testing;

import org.jspecify.annotations.NullMarked;
