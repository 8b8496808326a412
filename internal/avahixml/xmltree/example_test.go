package xmltree_test

import (
	"fmt"

	"announcer/internal/avahixml/xmltree"
)

// What was read before a mistake is in the document, too.
func ExampleParse() {
	doc := xmltree.Parse([]byte("<service-group>\n  <name>PBX</name>\n</service>"))
	name := doc.Root.Children[0]
	line, column := doc.Position(name.At)
	fmt.Printf("%d:%d: %s is %q\n", line, column, name.Name, name.Text[0].Text)
	line, column = doc.Position(doc.Err.At)
	fmt.Printf("%d:%d: %v\n", line, column, doc.Err)
	// Output:
	// 2:3: name is "PBX"
	// 3:1: </service> can't close <service-group> of line 1; want </service-group> before it
}
