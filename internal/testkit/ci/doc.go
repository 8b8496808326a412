// Package ci has the tests of what runs all tests: .ci/run, and the workflows of a public forge that call it.
package ci
