package recipes

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"announcer/internal/testkit/built"
	"announcer/internal/testkit/netlab"
)

// objects are those of examples/kubernetes.
type objects struct {
	namespace corev1.Namespace
	maps      map[string]corev1.ConfigMap
	set       appsv1.DaemonSet
}

// kubernetes returns the objects. The types of Kubernetes must know every field.
func kubernetes(t *testing.T) objects {
	t.Helper()
	all := objects{maps: map[string]corev1.ConfigMap{}}
	decode := func(document []byte, into any) {
		if err := yaml.UnmarshalStrict(document, into); err != nil {
			t.Errorf("%v\n%s", err, document)
		}
	}
	for _, document := range bytes.Split(read(t, "kubernetes", "announcer.yaml"), []byte("\n---\n")) {
		var kind struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(document, &kind); err != nil {
			t.Fatal(err)
		}
		switch kind.APIVersion + " " + kind.Kind {
		case "v1 Namespace":
			decode(document, &all.namespace)
		case "v1 ConfigMap":
			var m corev1.ConfigMap
			decode(document, &m)
			all.maps[m.Name] = m
		case "apps/v1 DaemonSet":
			decode(document, &all.set)
		default:
			t.Errorf("what is %v?", kind)
		}
	}
	return all
}

// TestKubernetes wants the objects to belong together, and the container to have no rights.
func TestKubernetes(t *testing.T) {
	all := kubernetes(t)
	pod := all.set.Spec.Template
	for key, value := range all.set.Spec.Selector.MatchLabels {
		if pod.Labels[key] != value {
			t.Errorf("the pod lacks the label %s of the selector", key)
		}
	}
	if all.set.Namespace != all.namespace.Name || len(all.maps) != 2 {
		t.Errorf("the set is in %q, the namespace %q; %d maps", all.set.Namespace, all.namespace.Name, len(all.maps))
	}
	spec, c := pod.Spec, pod.Spec.Containers[0]
	if !spec.HostNetwork || len(spec.NodeSelector) == 0 || *spec.AutomountServiceAccountToken || !*spec.SecurityContext.RunAsNonRoot || *spec.SecurityContext.RunAsUser != 65534 ||
		spec.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod is %+v", spec)
	}
	if s := c.SecurityContext; *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
		t.Errorf("the container may do too much: %+v", s)
	}
	volumes := map[string]corev1.VolumeSource{}
	for _, v := range spec.Volumes {
		volumes[v.Name] = v.VolumeSource
		if m := v.ConfigMap; m != nil && all.maps[m.Name].Namespace != all.set.Namespace {
			t.Errorf("there is no map %s in this namespace", m.Name)
		}
	}
	for _, mount := range c.VolumeMounts {
		v, ok := volumes[mount.Name]
		if !ok || mount.ReadOnly != (v.ConfigMap != nil) {
			t.Errorf("the mount %+v has the volume %+v", mount, v)
		}
	}
	for name, probe := range map[string]*corev1.Probe{"readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
		t.Run(name, func(t *testing.T) {
			if get := probe.HTTPGet; get.Path != "/healthz" || get.Host != "127.0.0.1" || get.Port != intstr.FromInt32(9353) {
				t.Errorf("it asks %+v", get)
			}
		})
	}
}

// kubelet writes the data of a map into a directory as Kubernetes does, which replaces all files at once by a link. It returns the
// directory.
func kubelet(t *testing.T, dir string, data map[string]string) string {
	t.Helper()
	version, err := os.MkdirTemp(dir, "..data-")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range data {
		write(t, filepath.Join(version, name), text)
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	next := filepath.Join(dir, "..data_tmp")
	if err := os.Symlink(filepath.Base(version), next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestKubernetesRun runs a daemon with what is in the maps, asks it as the probes do, and wants it to follow a change of a map.
func TestKubernetesRun(t *testing.T) {
	netlab.Need(t)
	phone := netlab.NewHost(t)
	netlab.Veth(t, netlab.End{Name: "eth0", Addrs: []string{"192.0.2.5/24"}}, netlab.End{Host: phone, Name: "eth0", Addrs: []string{"192.0.2.6/24"}})
	all, program := kubernetes(t), built.Announcer(t, "..")
	services := all.maps["announcer-services"].Data
	dir := kubelet(t, t.TempDir(), services)
	configuration := all.maps["announcer"].Data["announcer.toml"]
	if !strings.Contains(configuration, `"/etc/announcer/services"`) {
		t.Fatalf("the configuration has other directories: %s", configuration)
	}
	file := filepath.Join(kubelet(t, t.TempDir(), map[string]string{"announcer.toml": strings.Replace(configuration, "/etc/announcer/services", dir, 1)}), "announcer.toml")
	start(t, program, nil, append(all.set.Spec.Template.Spec.Containers[0].Args[:2:2], file, "--socket", filepath.Join(t.TempDir(), "socket"))...)
	heard(t, phone, program, "PBX of the cluster")

	probe := all.set.Spec.Template.Spec.Containers[0].ReadinessProbe.HTTPGet
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(fmt.Sprintf("http://%s:%s%s", probe.Host, probe.Port.String(), probe.Path))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Errorf("the probe gets %s: %s", answer.Status, body)
	}
	for name, text := range services {
		services[name] = strings.Replace(text, "PBX of the cluster", "PBX with another name", 1)
	}
	kubelet(t, dir, services)
	heard(t, phone, program, "PBX with another name")
}
