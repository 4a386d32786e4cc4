# Flags, libraries and the one-way arrows between the folders of src/.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED CONFIG COMPONENTS json)
find_package(spdlog REQUIRED CONFIG)
find_package(fmt REQUIRED CONFIG)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
find_package(SQLite3 REQUIRED)
find_package(prometheus-cpp REQUIRED CONFIG)
find_path(MARIADB_INCLUDE_DIR mysql.h PATH_SUFFIXES mariadb REQUIRED)
find_library(MARIADB_LIBRARY mariadb REQUIRED)
add_library(MariaDB::Client UNKNOWN IMPORTED)
set_target_properties(MariaDB::Client PROPERTIES IMPORTED_LOCATION ${MARIADB_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${MARIADB_INCLUDE_DIR})

# Everything compiled here gets these; programs that link to the library do not.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wconversion -Wno-sign-conversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -Wrestrict is wrong about std::string in g++ 12 (GCC bug 105651).
  add_compile_options(-Wno-restrict)
endif()
if(UNDERSTUDY_SANITIZE)
  add_compile_options(-fsanitize=${UNDERSTUDY_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${UNDERSTUDY_SANITIZE})
endif()
if(UNDERSTUDY_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

# A third of a build without optimiser goes into reading the same headers again. Every file includes
# what it needs all the same: the other builds have no precompiled headers (g++ 12 forgets with them
# that what it warns of is in a system's header).
option(UNDERSTUDY_PRECOMPILE "Precompile the headers that most files include" OFF)
set(UNDERSTUDY_STD_HEADERS <algorithm> <array> <atomic> <chrono> <cstdint> <functional> <map>
  <memory> <optional> <span> <stdexcept> <string> <string_view> <unordered_map> <utility>
  <variant> <vector>)
set(UNDERSTUDY_ASIO_HEADERS <boost/asio/any_io_executor.hpp> <boost/asio/as_tuple.hpp>
  <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/deferred.hpp>
  <boost/asio/detached.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp>
  <boost/asio/post.hpp> <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp>
  <boost/asio/write.hpp>)
function(understudy_precompile target)
  if(UNDERSTUDY_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${UNDERSTUDY_STD_HEADERS} ${ARGN})
  endif()
endfunction()

# A folder of src/ as a library. DEPENDS names the folders it may include from: a target sees
# no include path but its own and theirs, so an arrow against the order does not compile.
function(understudy_layer name)
  cmake_parse_arguments(LAYER "" "" "DEPENDS;LIBRARIES;PRECOMPILE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  add_library(understudy_${name} STATIC ${sources})
  # <layer/header.hpp>: each layer is reached through a folder that holds a link to it alone.
  set(view ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${view}/${name} SYMBOLIC)
  target_include_directories(understudy_${name} PUBLIC ${view})
  target_link_libraries(understudy_${name} PUBLIC understudy_public ${LAYER_LIBRARIES})
  foreach(dependency IN LISTS LAYER_DEPENDS)
    target_link_libraries(understudy_${name} PUBLIC understudy_${dependency})
  endforeach()
  understudy_precompile(understudy_${name} ${LAYER_PRECOMPILE})
endfunction()

# One test program for a folder of tests/: every *_test.cpp in it.
function(understudy_tests folder)
  cmake_parse_arguments(TESTS "" "" "LIBRARIES;PRECOMPILE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  add_executable(${folder}_test ${sources})
  target_link_libraries(${folder}_test PRIVATE ${TESTS_LIBRARIES} GTest::gtest_main)
  target_include_directories(${folder}_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  understudy_precompile(${folder}_test <gtest/gtest.h> ${TESTS_PRECOMPILE})
  gtest_discover_tests(${folder}_test TEST_PREFIX "${folder}." DISCOVERY_TIMEOUT 60
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTIES TIMEOUT 600)
endfunction()
