package publication

// The engines that announce services.
const (
	EngineNative   = "native"   // announcer's own
	EngineZeroconf = "zeroconf" // on github.com/grandcat/zeroconf
)

// Engines returns the names of the engines, the default first.
func Engines() []string { return []string{EngineNative, EngineZeroconf} }
