package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// bomSuffix ends the name of a list of what is in an archive or package.
const bomSuffix = ".cdx.json"

// writeBOM writes the list of what is in a program that an archive or package holds, in the format CycloneDX.
func (r *release) writeBOM(name, program, artefact string) error {
	text, err := r.tool("cyclonedx-gomod", "bin", "-json", "-noserial", "-notimestamp", "-std", "-version", r.version, program)
	if err != nil {
		return err
	}
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader([]byte(text)), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		return fmt.Errorf("the output of cyclonedx-gomod: %w", err)
	}
	sums := make([]cyclonedx.Component, 0, 2)
	for _, path := range []string{artefact, program} {
		sum, err := sumOf(path)
		if err != nil {
			return err
		}
		sums = append(sums, cyclonedx.Component{
			Type: cyclonedx.ComponentTypeFile, Name: filepath.Base(path), Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: sum}},
		})
	}
	bom.Metadata.Timestamp = r.time.Format(time.RFC3339)
	bom.Metadata.Tools = withoutHashes(bom.Metadata.Tools)
	bom.Metadata.Component.Components = &sums
	bom.SerialNumber = serial((*sums[0].Hashes)[0].Value)
	var out bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&out, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(&bom); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, name+bomSuffix), out.Bytes(), readable)
}

// withoutHashes returns the tools without the checksums of their programs, which depend on the machine that built those.
func withoutHashes(tools *cyclonedx.ToolsChoice) *cyclonedx.ToolsChoice {
	if tools == nil || tools.Tools == nil {
		return tools
	}
	for i := range *tools.Tools {
		(*tools.Tools)[i].Hashes = nil
	}
	return tools
}

// serial returns the number of a list: a UUID of version 8 (RFC 9562 §5.8), of the checksum of what it is about.
func serial(sum string) string {
	bits, err := hex.DecodeString(sum)
	if err != nil || len(bits) < 16 {
		return ""
	}
	bits[6], bits[8] = bits[6]&0x0f|0x80, bits[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", bits[:4], bits[4:6], bits[6:8], bits[8:10], bits[10:16])
}

// sumOf returns the SHA-256 of a file.
func sumOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
