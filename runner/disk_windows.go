package runner

import "golang.org/x/sys/windows"

// FreeDisk is how many bytes may still be written below a folder.
func FreeDisk(folder string) (bytes uint64, known bool) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, false
	}
	err = windows.GetDiskFreeSpaceEx(path, &bytes, nil, nil)
	return bytes, err == nil
}
