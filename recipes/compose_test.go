package recipes

import (
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// TestCompose wants the loader of compose, which checks its schema, to accept the file, and the container to have no rights.
func TestCompose(t *testing.T) {
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: example(t, "compose"), ConfigFiles: []types.ConfigFile{{Filename: example(t, "compose", "compose.yaml")}},
		Environment: types.Mapping{"ANNOUNCER_IMAGE": "registry.example.net/announcer:v1"},
	}, func(o *loader.Options) { o.SetProjectName("announcer", true) })
	if err != nil {
		t.Fatal(err)
	}
	s := project.Services["announcer"]
	if s.Image != "registry.example.net/announcer:v1" || s.NetworkMode != "host" || !s.ReadOnly || s.Privileged || s.User != "65534:65534" ||
		!slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
		t.Errorf("the container has rights, or not the network of the host: %+v", s)
	}
	for _, want := range []struct {
		target, kind string
		readOnly     bool
	}{
		{"/etc/announcer/services", types.VolumeTypeBind, true},
		{"/var/lib/announcer", types.VolumeTypeVolume, false},
	} {
		i := slices.IndexFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == want.target })
		if i < 0 || s.Volumes[i].Type != want.kind || s.Volumes[i].ReadOnly != want.readOnly {
			t.Errorf("no volume as wanted at %s: %+v", want.target, s.Volumes)
		}
	}
}
